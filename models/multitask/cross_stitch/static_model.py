"""Cross-stitch networks in static graph."""

from rec.contract import static
from rec.nn.multitask import MultiTask


class StaticModel(static.StaticModel):
    """See `MultiTask` for the network, `rec.contract.static` for the rest."""

    network = MultiTask
