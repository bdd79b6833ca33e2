"""ESCM2 in dynamic graph."""

from net import ESCM2

from rec.contract import dygraph


class DygraphModel(dygraph.DygraphModel):
    """See `ESCM2` for the network, `rec.contract.dygraph` for the rest."""

    network = ESCM2
