"""YouTube's ranker in dynamic graph."""

from net import YouTube

from rec.contract import dygraph


class DygraphModel(dygraph.DygraphModel):
    """See `YouTube` for the network, `rec.contract.dygraph` for the rest."""

    network = YouTube
