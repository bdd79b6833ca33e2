"""ESMM in dynamic graph."""

from net import ESMM

from rec.contract import dygraph


class DygraphModel(dygraph.DygraphModel):
    """See `ESMM` for the network, `rec.contract.dygraph` for the rest."""

    network = ESMM
