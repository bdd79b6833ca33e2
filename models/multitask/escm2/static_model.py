"""ESCM2 in static graph."""

from net import ESCM2

from rec.contract import static


class StaticModel(static.StaticModel):
    """See `ESCM2` for the network, `rec.contract.static` for the rest."""

    network = ESCM2
