"""Mogujie's practice: ESMM whose conversions weigh by what they bring in."""

from collections.abc import Mapping
from typing import Any, ClassVar

import paddle

from rec.errors import UserError
from rec.nn.events import Objective
from rec.nn.features import Features
from rec.nn.gmv import GmvWeight, gmv_weight
from rec.nn.multitask import MultiTask, Output
from rec.nn.probability import Probability


class Mogujie(MultiTask):
    """Conversions of dear items count more in training, so the network fits them better.

    Where positives count w times, the log loss is least at odds w times those of the truth. So what it is given is not
    pCTCVR but pCTCVR with w times its odds, and then it is least at the truth: `ctcvr` and `cvr` are probabilities.
    The output `gmv` is the former, for ranking, where a score that favours dear items is wanted.

    Args:
        gmv_weight: w of a price, see `rec.nn.gmv`.
    """

    columns: ClassVar = {"price": "not negative"}

    def __init__(self, gmv_weight: GmvWeight = "log", **settings: Any) -> None:
        super().__init__(**settings)
        self.formula = gmv_weight
        self.weighted = self.graph.task_of("conversion")
        trained = [objective.task for objective in self.graph.objectives if objective.task not in self.graph.numbers]
        if self.weighted not in trained:
            raise UserError(
                "hyper_parameters.behaviours: the price weighs the loss of a conversion over all impressions, such as "
                "that of {click: , conversion: {after: click}}, without space; these have probabilities with losses: "
                f"{', '.join(trained) or 'none'}"
            )
        if "gmv" in [task.name for task in self.tasks]:
            raise UserError("hyper_parameters.behaviours: gmv is a score of this network: name the behaviour otherwise")

    def forward(self, features: Features, columns: Mapping[str, Any]) -> dict[str, Output]:
        """As `MultiTask`, with `gmv`, for which alone it needs `columns["price"]`, float [B, 1]."""
        outputs = super().forward(features)
        return {**outputs, "gmv": self._times_weight(outputs[self.weighted], columns["price"])}

    def loss(self, objective: Objective, output: Output, label: Any, labels: Mapping[str, Any]) -> Any:
        """Loss of each impression, float [B, 1]; of CTCVR that of w times its odds, a conversion's times w."""
        if objective.task != self.weighted:
            return super().loss(objective, output, label, labels)
        price = labels["price"]
        each = super().loss(objective, self._times_weight(output, price), label, labels)
        return each * paddle.where(label > 0.5, gmv_weight(price, self.formula), paddle.ones_like(label))

    def _times_weight(self, output: Probability, price: Any) -> Probability:
        """The probability whose odds are w times these."""
        return Probability(output.logit + paddle.log(gmv_weight(price, self.formula)))
