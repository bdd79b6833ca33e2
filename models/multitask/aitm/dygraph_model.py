"""AITM in dynamic graph."""

from net import AITM

from rec.contract import dygraph


class DygraphModel(dygraph.DygraphModel):
    """See `AITM` for the network, `rec.contract.dygraph` for the rest."""

    network = AITM
