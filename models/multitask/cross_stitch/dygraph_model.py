"""Cross-stitch networks in dynamic graph."""

from rec.contract import dygraph
from rec.nn.multitask import MultiTask


class DygraphModel(dygraph.DygraphModel):
    """See `MultiTask` for the network, `rec.contract.dygraph` for the rest."""

    network = MultiTask
