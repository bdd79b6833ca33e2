"""Mogujie's practice: ESMM whose conversions weigh by what they bring in."""

from collections.abc import Mapping
from typing import Any, ClassVar

import paddle

from rec.nn.features import Features
from rec.nn.gmv import corrected, gmv_weight
from rec.nn.graph import Objective
from rec.nn.multitask import MultiTask, Output


class Mogujie(MultiTask):
    """Conversions of dear items count more in training, so the network fits them better; predictions are corrected.

    The output `gmv` is what is trained: for ranking, where a score that favours dear items is wanted. `ctcvr` and
    `cvr` are corrected and are probabilities.
    """

    columns: ClassVar = {"price": "not negative"}

    def forward(self, features: Features, columns: Mapping[str, Any]) -> dict[str, Output]:
        """As `MultiTask`, with `gmv`; `columns["price"]` float [B, 1]."""
        outputs = super().forward(features)
        weighted = outputs["ctcvr"]
        ctcvr = corrected(weighted, gmv_weight(columns["price"]))
        return {**outputs, "gmv": weighted, "ctcvr": ctcvr, "cvr": ctcvr.given(outputs["ctr"])}

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Those of ESMM, on what is not corrected yet."""
        return super().losses({**outputs, "ctcvr": outputs.get("gmv", outputs["ctcvr"])}, labels)

    def loss(self, objective: Objective, output: Output, label: Any, labels: Mapping[str, Any]) -> Any:
        """Loss of each exposure; a conversion's times 1 + log(1 + price)."""
        each = super().loss(objective, output, label, labels)
        if objective.task != "ctcvr":
            return each
        return each * paddle.where(label > 0.5, gmv_weight(labels["price"]), paddle.ones_like(label))
