"""AITM in static graph."""

from net import AITM

from rec.contract import static


class StaticModel(static.StaticModel):
    """See `AITM` for the network, `rec.contract.static` for the rest."""

    network = AITM
