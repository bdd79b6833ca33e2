"""Raw values to predictions, with a checkpoint or an exported model."""

from rec.scoring.scorer import Scorer

__all__ = ["Scorer"]
