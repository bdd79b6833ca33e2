"""Mogujie's practice in static graph."""

from net import Mogujie

from rec.contract import static


class StaticModel(static.StaticModel):
    """See `Mogujie` for the network, `rec.contract.static` for the rest."""

    network = Mogujie
