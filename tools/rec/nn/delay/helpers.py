"""The networks that say how late conversions come, trained on clicks whose outcome is known, and left as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import paddle

from rec.config.behaviours import LabelKind
from rec.data.labels import LabelRules
from rec.nn.delay.method import ELAPSED, LATE, NEGATIVE, SEEN
from rec.nn.delay.towers import ClickTowers
from rec.nn.features import Features
from rec.nn.objectives import Output

_HOURS, _LOG_SCALE, _DAYS = 24.0, 3.0, 5.0


class WindowHelper(ClickTowers):
    """dp = P(y = 1, after the wait) over all clicks, and rn = P(y = 0 | none within the wait) over those without one
    (ES-DFM, arXiv 2012.03245: one net with two heads)."""

    names: ClassVar[tuple[str, ...]] = (LATE, NEGATIVE)

    def __init__(self, **settings: Any) -> None:
        super().__init__(self.names, **settings)

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """One column for each tower; empty where the click is not of its space."""
        return LabelRules(cls.names, dict.fromkeys(cls.names, "binary"), cls.names, implies=(), first=None)


class ElapsedHelper(ClickTowers):
    """s1 = P(seen | y = 1, el) over buyers, and s0 = P(y = 0 | not seen, el) over what has not been seen, el after the
    click (FSIW, arXiv 2002.02068; 1 - s0 is ULC's g, arXiv 2307.12756).

    el, in days, is two numbers beside the click's own: log(1 + hours) / 3, and el / 5 as in FSIW.
    """

    names: ClassVar[tuple[str, ...]] = (SEEN, NEGATIVE)
    columns: ClassVar[Mapping[str, LabelKind]] = {ELAPSED: "not negative"}

    def __init__(self, num_number: int = 0, **settings: Any) -> None:
        super().__init__(self.names, num_number=num_number + 2, **settings)
        self.numbers_before = 1 if num_number else 0

    def forward(self, features: Features, given: Mapping[str, Any] | None = None) -> dict[str, Output]:
        """s1 and s0, [B, 1] each; `given` has the time since the click, float [B, 1]."""
        assert given is not None
        elapsed = given[ELAPSED]
        numbers = paddle.concat([paddle.log1p(_HOURS * elapsed) / _LOG_SCALE, elapsed / _DAYS], axis=1)
        before, rest = features.more[: self.numbers_before], features.more[self.numbers_before :]
        more = [paddle.concat([*before, numbers], axis=1), *rest]
        return super().forward(features.of(features.fields, features.field_rows, more))

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """One column for each tower, and the time."""
        kinds: dict[str, LabelKind] = {**dict.fromkeys(cls.names, "binary"), **cls.columns}
        inputs = frozenset(cls.columns)
        return LabelRules((*cls.names, ELAPSED), kinds, cls.names, inputs=inputs, implies=(), first=None)
