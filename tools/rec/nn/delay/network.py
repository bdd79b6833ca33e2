"""The conversion after a click, where it may come long after it: one network for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

from rec.data.labels import LabelRules
from rec.errors import UserError
from rec.metrics.task import Task
from rec.nn.delay import METHODS
from rec.nn.delay.method import FINAL
from rec.nn.delay.towers import ClickTowers
from rec.nn.masks import filled, known, masked_mean
from rec.nn.objectives import Output
from rec.nn.probability import Probability

TASK = "cvr"

Name = Literal["plain", "dfm", "fnw", "fnc", "fsiw", "es_dfm", "defer", "defuse", "bi_defuse", "ulc", "esdf"]


class Served(Probability):
    """f, and what the towers that it is made of say: logits, float [B, 1] by name."""

    def __init__(self, f: Probability, towers: Mapping[str, Any]) -> None:
        super().__init__(f.logit)
        self.towers = towers

    def mapped(self, rows: Callable[[Any], Any]) -> Self:
        found = super().mapped(rows)
        found.towers = {name: rows(logit) for name, logit in self.towers.items()}
        return found


class DelayedConversion(ClickTowers):
    """p(conversion | click), in the end, from rows that say what was known when they were taken in.

    Args:
        method: what the rows are and what their loss corrects, see `rec.nn.delay`; plain: labels are as they are.
        among: label column that is 1 where a row was clicked; null: every row was.
        tower_fc_sizes: hidden layers of each tower.
    """

    def __init__(self, method: Name = "plain", among: str | None = None, **settings: Any) -> None:
        super().__init__(METHODS[method].towers, **settings)
        self.name, self.method, self.among = method, METHODS[method], among
        self.tasks = (Task(TASK, FINAL, among=among, truth=("p_conversion",)),)

    def compose(self, logits: Mapping[str, Any], on_host: bool = False) -> dict[str, Output]:
        """f, float [B, 1]."""
        return {TASK: Served(self.method.served(logits), logits)}

    def parts(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """The method's mean loss over the clicks whose label is known.

        Raises:
            UserError: the data lack what the method reads of a row.
        """
        absent = [name for name in self.method.columns if name not in labels]
        if absent:
            raise UserError(
                f"hyper_parameters.method: {self.name} reads {', '.join(absent)} of each row, which tools/stream.py "
                "makes of times: train with that, or set it to plain"
            )
        served, v = outputs[TASK], labels[FINAL]
        assert isinstance(served, Served)
        among = labels[self.among] if self.among else None
        return {TASK: masked_mean(self.method.loss(served.towers, filled(v), labels), known(v, among))}

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """As `parts`; there is nothing to remember."""
        return self.parts(outputs, labels)

    @property
    def needed_labels(self) -> frozenset[str]:
        return frozenset([FINAL, *([self.among] if self.among else [])])

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """The conversion, and what says that there was a click; who serves a model needs no more of a row."""
        among = hyper_parameters.get("among")
        if among is None:
            return LabelRules((FINAL,), {FINAL: "binary"}, (FINAL,), implies=(), first=None)
        return LabelRules(
            (among, FINAL), {among: "binary", FINAL: "binary"}, (FINAL,), implies=((FINAL, among),), first=among
        )

    def _weights(self) -> dict[str, float]:
        return {TASK: 1.0}
