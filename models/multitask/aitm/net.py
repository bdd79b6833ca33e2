"""AITM: Adaptive Information Transfer Multi-task learning (Xi et al., KDD 2021)."""

from collections.abc import Mapping
from typing import Annotated, Any

from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.errors import UserError
from rec.nn.multitask import MultiTask, Output


class AITM(MultiTask):
    """Each tower predicts p(behaviour) over all impressions; a behaviour may not be likelier than what it implies.

    Args:
        calibrator_weight: of the penalty for that, alpha in the paper.
    """

    def __init__(self, calibrator_weight: Annotated[float | int, Field(ge=0)] = 0.6, **settings: Any) -> None:
        super().__init__(**settings)
        self.calibrator_weight = calibrator_weight
        if not self.graph.implied():
            raise UserError(
                "hyper_parameters.behaviours: the calibrator needs a behaviour that implies another, such as "
                "{click: , conversion: {implies: click}}; without one, sharing: {kind: aitm} is for any other directory"
            )

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Log losses, and the calibrator: the mean of max(p_t - p_(t - 1), 0) for each step (equation 8)."""
        parts = super().losses(outputs, labels)
        for effect, cause in self.graph.implied():
            excess = F.relu(outputs[effect].value - outputs[cause].value).mean()
            parts[f"{effect}_calibrator"] = self.calibrator_weight * excess
        return parts
