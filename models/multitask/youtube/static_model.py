"""YouTube's ranker in static graph."""

from net import YouTube

from rec.contract import static


class StaticModel(static.StaticModel):
    """See `YouTube` for the network, `rec.contract.static` for the rest."""

    network = YouTube
