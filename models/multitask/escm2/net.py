"""ESCM2: Entire Space Counterfactual Multi-task Model (Wang et al., SIGIR 2022)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import Field

from rec.nn.counterfactual import doubly_robust, imputation_loss, ips
from rec.nn.features import Features
from rec.nn.layers import MLP, Sizes
from rec.nn.multitask import MultiTask, Output
from rec.nn.number import Number


class ESCM2(MultiTask):
    """ESMM whose CVR tower also has a loss of its own, on clicked impressions, weighted to stand for all.

    Args:
        counterfactual: how it is weighted: inverse propensity scores, or doubly robust.
        counterfactual_weight: of that loss, lambda_c in the paper.
        propensity_min: what pCTR is raised to at least, so that no click weighs more than its inverse.
        tower_fc_sizes: hidden layers of each tower; of the imputation tower, too.
    """

    def __init__(
        self,
        tower_fc_sizes: Sizes,
        counterfactual: Literal["ips", "dr"] = "ips",
        counterfactual_weight: Annotated[float | int, Field(ge=0)] = 0.1,
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.05,
        **settings: Any,
    ) -> None:
        super().__init__(tower_fc_sizes=tower_fc_sizes, **settings)
        self.weight, self.propensity_min = counterfactual_weight, propensity_min
        self.cvr = self.graph.towers.index("conversion")
        self.imputation = MLP(self.sharing.widths[self.cvr], tower_fc_sizes) if counterfactual == "dr" else None

    def forward(self, features: Features) -> dict[str, Output]:
        """As `MultiTask`, and for DR `cvr_error`, the imputed CVR loss, at least 0."""
        inputs = self.tower_inputs(features)
        outputs = self.compose(self.logits_of(inputs))
        if self.imputation is None:
            return outputs
        return {**outputs, "cvr_error": Number(F.softplus(self.imputation(inputs[self.cvr])), log_scale=False)}

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ESMM, and the counterfactual regulariser (equation 13)."""
        click = labels["click"]
        error = outputs["cvr"].loss(labels["conversion"])
        propensity = paddle.clip(outputs["ctr"].value.detach(), min=self.propensity_min)
        parts = super().losses(outputs, labels)
        if "cvr_error" not in outputs:
            return {**parts, "cvr_ips": self.weight * ips(error, click, propensity)}
        imputed = outputs["cvr_error"].value
        return {
            **parts,
            "cvr_dr": self.weight * doubly_robust(error, imputed, click, propensity),
            "cvr_imputation": self.weight * imputation_loss(error, imputed, click, propensity),
        }
