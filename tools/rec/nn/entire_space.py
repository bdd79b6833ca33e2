"""A network whose impressions without a click are told something of their conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import paddle

from rec.data.labels import LabelRules
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.layers import Sizes
from rec.nn.masks import filled, known
from rec.nn.multitask import MultiTask
from rec.nn.objectives import Output
from rec.nn.probability import Probability
from rec.nn.unclicked import REGISTRY, Unclicked
from rec.nn.unclicked.base import Impressions, Method, Room, Seen
from rec.nn.weighting import Weighting


class EntireSpace(MultiTask):
    """Any behaviours, any sharing; and a method of `rec.nn.unclicked`, if there is one, for click and conversion.

    Args:
        unclicked: what un-clicked impressions are told of their conversion, see `rec.nn.unclicked`; its heads have
            the towers' layers. None: no more than the behaviours' losses tell them.
    """

    method: Method | None = None
    asks: ClassVar[str] = "unclicked"
    """Whose demands a message is of."""

    def __init__(
        self,
        tower_fc_sizes: Sizes,
        unclicked: Unclicked | None = None,
        weighting: Weighting = {"kind": "fixed"},  # noqa: B006 - read only
        **settings: Any,
    ) -> None:
        super().__init__(tower_fc_sizes=tower_fc_sizes, weighting=weighting, **settings)
        if unclicked is None:
            return
        ctr, cvr = self.graph.task_of("click"), self.graph.task_of("conversion", "click")
        if ctr is None or cvr is None or not self.graph.straight_after("conversion", "click"):
            raise UserError(
                f"hyper_parameters.behaviours: {self.asks} needs a click that is predicted over all impressions and a "
                "conversion straight after it, such as {click: , conversion: {after: click}}; these predict "
                f"{', '.join(task.name for task in self.tasks)}"
            )
        self.ctr, self.cvr, self.place = ctr, cvr, self.graph.towers.index("conversion")
        room = Room(self.sharing.widths[self.place], tuple(tower_fc_sizes))
        self.method = REGISTRY.build(unclicked, room=room)
        if self.method.column is not None and self.negative_rate is not None:
            raise UserError(
                f"hyper_parameters.unclicked.propensity: {self.method.column} is p(click) among all impressions, and "
                "data.negative_rate trains on a part of them: leave one of the two out"
            )
        if not self.method.product:
            self.objectives = [each for each in self.objectives if each.behaviour != "conversion"]
            self.weigh(weighting)
        for name, head in self.method.heads.items():
            self.add_sublayer(name, head)

    def forward(self, features: Features) -> dict[str, Output]:
        """As `MultiTask`, and in training what the method's heads say."""
        if self.method is None or not self.training:
            return super().forward(features)
        inputs = self.tower_inputs(features)
        outputs: dict[str, Any] = self.compose(self.logits_of(inputs), features.on_host)
        seen = Seen(inputs[self.place], outputs[self.ctr], outputs[self.cvr], self.towers["conversion"])
        return outputs | self.method.say(seen)

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Those of the behaviours, and the method's."""
        parts = super().losses(outputs, labels)
        if self.method is None:
            return parts
        terms = self.method.terms(self._impressions(outputs, labels))
        return parts | {name: self.method.weight * term for name, term in terms.items()}

    def diagnostics(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """`clipped_clicks`: the share of clicked impressions whose propensity is below `propensity_min`, so that they
        weigh less than they should; `clipped_others`: that of the others whose 1 - propensity is.
        """
        method = self.method
        if method is None or not method.weighs:
            return {}
        click, p = filled(labels[self.graph.label("click")]), self._propensity(outputs, labels)
        found = {"clipped_clicks": _share(p < method.propensity_min, click)}
        if method.both_sides:
            found["clipped_others"] = _share(1.0 - p < method.propensity_min, 1.0 - click)
        return found

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """Those of the behaviours, and the column of given propensities."""
        rules, column = super().label_rules(hyper_parameters), _column(hyper_parameters.get("unclicked"))
        if column is None or column in rules.columns:
            return rules
        return replace(rules, columns=(*rules.columns, column), kinds={**rules.kinds, column: "not negative"})

    @property
    def needed_labels(self) -> frozenset[str]:
        column = self.method.column if self.method else None
        return super().needed_labels | ({column} if column else set())

    def _propensity(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> Any:
        """p(click) that weights are made of, float [B, 1]; no gradient passes."""
        column = self.method.column if self.method else None
        return outputs[self.ctr].value.detach() if column is None else filled(labels[column])

    def _impressions(self, outputs: Mapping[str, Any], labels: Mapping[str, Any]) -> Impressions:
        seen, sold = labels[self.graph.label("click")], labels[self.graph.label("conversion")]
        click = filled(seen)
        p, q = outputs[self.ctr], outputs[self.cvr]
        assert self.method is not None
        assert isinstance(p, Probability)
        assert isinstance(q, Probability)
        # What nobody clicked need not tell of a conversion: its loss is multiplied by 0.
        mask = known(seen) * paddle.maximum(known(sold), 1.0 - click)
        if self.method.column is not None:
            mask = mask * known(labels[self.method.column])
        least, chance = self.method.propensity_min, self._propensity(outputs, labels)
        propensity, otherwise = (paddle.clip(each, min=least, max=1.0) for each in (chance, 1.0 - chance))
        return Impressions(click, filled(sold) * click, mask, p, q, propensity, otherwise, outputs)


def _share(some: Any, among: Any) -> tuple[Any, Any]:
    """How many of those `among` (1 or 0, float [B, 1]) are `some`, and how many there are."""
    return (some.astype("float32") * among).sum(), among.sum()


def _column(section: Any) -> str | None:
    """The column of given propensities that a section names."""
    column = section.get("propensity") if isinstance(section, Mapping) else None
    return column if isinstance(column, str) else None
