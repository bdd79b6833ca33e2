"""Mogujie's practice in dynamic graph."""

from net import Mogujie

from rec.contract import dygraph


class DygraphModel(dygraph.DygraphModel):
    """See `Mogujie` for the network, `rec.contract.dygraph` for the rest."""

    network = Mogujie
