"""ESMM in static graph."""

from net import ESMM

from rec.contract import static


class StaticModel(static.StaticModel):
    """See `ESMM` for the network, `rec.contract.static` for the rest."""

    network = ESMM
