"""ESCM2: Entire Space Counterfactual Multi-task Model (Wang et al., SIGIR 2022)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import paddle
from pydantic import Field

from rec.errors import UserError
from rec.nn.counterfactual import doubly_robust, imputation_error, ips
from rec.nn.features import Features
from rec.nn.layers import MLP, Sizes
from rec.nn.masks import filled, known, masked_mean
from rec.nn.multitask import MultiTask, Output
from rec.nn.probability import Probability

IMPUTED = "imputed_conversion"
"""The imputation tower's output, the pseudo-label m; in training only."""


class ESCM2(MultiTask):
    """ESMM whose CVR tower also has a loss of its own, on clicked impressions, weighted to stand for all.

    In the doubly robust one an imputation tower says m, a pseudo-label, and the imputed error is l(m, pCVR): it depends
    on pCVR, as in DR-JL (Wang X. et al., ICML 2019). As the paper prints it, the tower says the error itself; that does
    not depend on pCVR, so its gradient is that of IPS whatever the tower says.

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
        propensity_min: Annotated[float, Field(gt=0, lt=1)] = 0.01,
        **settings: Any,
    ) -> None:
        super().__init__(tower_fc_sizes=tower_fc_sizes, **settings)
        ctr, cvr = self.graph.task_of("click"), self.graph.task_of("conversion", "click")
        if ctr is None or cvr is None or not self.graph.straight_after("conversion", "click"):
            raise UserError(
                "hyper_parameters.behaviours: ESCM2 needs a click that is predicted over all impressions and a "
                "conversion straight after it, such as {click: , conversion: {after: click}}; these predict "
                f"{', '.join(task.name for task in self.tasks)}"
            )
        self.ctr, self.cvr = ctr, cvr
        self.weight, self.propensity_min = counterfactual_weight, propensity_min
        self.place = self.graph.towers.index("conversion")
        self.imputation = MLP(self.sharing.widths[self.place], tower_fc_sizes) if counterfactual == "dr" else None

    def forward(self, features: Features) -> dict[str, Output]:
        """As `MultiTask`, and for DR in training the pseudo-label, the imputation's p(conversion | click)."""
        inputs = self.tower_inputs(features)
        outputs = self.compose(self.logits_of(inputs), features.on_host)
        if self.imputation is not None and self.training:
            outputs[IMPUTED] = Probability(self.imputation(inputs[self.place]))
        return outputs

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ESMM, and the counterfactual regulariser of the CVR, which leaves pCTR alone."""
        parts = super().losses(outputs, labels)
        return parts | {name: self.weight * part for name, part in self._regulariser(outputs, labels).items()}

    def _regulariser(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Its terms, means over all impressions that tell whether they were clicked and, if so, converted."""
        seen, sold = labels[self.graph.label("click")], labels[self.graph.label("conversion")]
        click = filled(seen)
        # What nobody clicked need not tell of a conversion: its loss is multiplied by 0.
        conversion, mask = filled(sold) * click, known(seen) * paddle.maximum(known(sold), 1.0 - click)
        propensity = paddle.clip(outputs[self.ctr].value.detach(), min=self.propensity_min)
        cvr = outputs[self.cvr]
        error = cvr.loss(conversion)
        if self.imputation is None:
            return {"cvr_ips": masked_mean(ips(error, click, propensity), mask)}
        imputed = outputs[IMPUTED].value
        # The first trains pCVR, which is in e as in e^; the second the pseudo-label. Each takes the other as given.
        estimate = doubly_robust(error, cvr.soft_loss(imputed.detach()), click, propensity)
        given = Probability(cvr.logit.detach())
        missed = imputation_error(given.loss(conversion), given.soft_loss(imputed), click, propensity)
        return {"cvr_dr": masked_mean(estimate, mask), "cvr_imputation": masked_mean(missed, mask)}

    def diagnostics(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """`clipped_clicks`: the share of clicked impressions whose pCTR is below `propensity_min`."""
        click = filled(labels[self.graph.label("click")])
        clipped = (outputs[self.ctr].value < self.propensity_min).astype("float32")
        return {"clipped_clicks": ((click * clipped).sum(), click.sum())}
