"""A network of two independent choices: how towers share, and how behaviours follow from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import paddle
from paddle import nn

from rec.config.behaviours import REQUEST
from rec.config.parts import section_of
from rec.data.labels import LabelRules, rules_of
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.graph import Behaviours, Graph, Objective
from rec.nn.interaction import REGISTRY as INTERACTIONS
from rec.nn.interaction import Section, Shape
from rec.nn.interaction.spaces import interact, with_added
from rec.nn.layers import MLP, Sizes, each_on
from rec.nn.masks import filled, known, masked_mean, mean_loss
from rec.nn.network import Network
from rec.nn.numbers import REGISTRY as NUMBERS
from rec.nn.numbers import NumberEmbedding, embedded
from rec.nn.probability import Probability
from rec.nn.ranking import pairwise_loss
from rec.nn.regression import RegressionHead
from rec.nn.sharing import REGISTRY as SHARINGS
from rec.nn.sharing import Sharing
from rec.nn.weighting import LEARNED, Weighting
from rec.nn.weighting import REGISTRY as WEIGHTINGS

Output: TypeAlias = Probability | RegressionHead


class MultiTask(Network):
    """Any sharing under any behaviour graph: a tower per edge, probabilities by the graph, a loss per behaviour.

    Args:
        num_field: fields of an impression.
        sparse_feature_dim: width of an embedding vector.
        behaviours: see `rec.config.behaviours`.
        tower_fc_sizes: hidden layers of each tower.
        sharing: see `rec.nn.sharing`.
        weighting: how the losses are summed, see `rec.nn.weighting`.
        interaction: what the towers' sharing sees of the fields, see `rec.nn.interaction`.
        num_number: fields that are numbers.
        field_dims: fields of other widths, by name; they stand beside the fields too.
        number_embedding: how they become vectors before they interact, see `rec.nn.numbers`; none: they stand beside
            the fields.
    """

    def __init__(
        self,
        num_field: int,
        sparse_feature_dim: int,
        behaviours: Behaviours,
        tower_fc_sizes: Sizes,
        sharing: Sharing = {"kind": "none"},  # noqa: B006 - read only
        weighting: Weighting = {"kind": "fixed"},  # noqa: B006
        interaction: Section = {"kind": "none"},  # noqa: B006
        num_number: int = 0,
        field_dims: Mapping[str, int] = {},
        number_embedding: NumberEmbedding = {"kind": "none"},  # noqa: B006
    ) -> None:
        super().__init__()
        self.graph = Graph(behaviours)
        self.tasks, towers = self.graph.tasks, self.graph.towers
        self.dim = sparse_feature_dim
        self.separate = SHARINGS[sharing].own_spaces
        self.spaces, self.space_names = (len(towers) if self.separate else 1), tuple(towers)
        interaction, number_embedding = section_of(interaction), section_of(number_embedding)
        embeds = bool(num_number) and number_embedding["kind"] != "none"
        fields_seen, beside = (num_field + num_number, 0) if embeds else (num_field, num_number)
        beside += sum(field_dims.values())
        shape = Shape(fields_seen, self.dim, beside, 1 if self.separate else len(towers))
        interactions = [INTERACTIONS.build(interaction, shape=shape) for _ in range(self.spaces)]
        width = interactions[0].width
        self.interactions = nn.LayerList(interactions)
        self.extra, self.embedding_dim = interactions[0].extra, (self.dim + interactions[0].extra) * self.spaces
        if embeds:
            self.numbers = NUMBERS.build(number_embedding, numbers=num_number, dim=self.embedding_dim)
        self.embeds = embeds
        self.sharing = SHARINGS.build(sharing, in_features=width, towers=towers)
        self.towers = nn.LayerDict(
            {name: MLP(width, tower_fc_sizes) for name, width in zip(towers, self.sharing.widths, strict=True)}
        )
        if weighting["kind"] in LEARNED:
            _check_weights(self.graph.objectives, weighting["kind"])
        self.weighting = WEIGHTINGS.build(weighting, weights=self._weights(), numbers=set(self.graph.numbers))

    def forward(self, features: Features) -> dict[str, Output]:
        """The prediction of each task, [B, 1] each."""
        return self.compose(self.logits(features), features.on_host)

    def logits(self, features: Features) -> dict[str, Any]:
        """What each tower says, float [B, 1] by name."""
        return self.logits_of(self.tower_inputs(features))

    def logits_of(self, inputs: list[Any]) -> dict[str, Any]:
        """The same from what each tower sees, `tower_inputs`, with what that call's interactions add to it."""
        logits = dict(zip(self.graph.towers, each_on(list(self.towers.values()), inputs), strict=True))
        return with_added(logits, self.interactions)

    def tower_inputs(self, features: Features) -> list[Any]:
        """What each tower sees: `Features` or float [B, width]."""
        if self.embeds:
            features = embedded(features, self.numbers)
        seen = interact(features, self.interactions, self.dim)
        return self.sharing(seen if self.separate else seen[0])

    def compose(self, logits: Mapping[str, Any], on_host: bool = False) -> dict[str, Output]:
        """The predictions that follow from the towers' outputs; `on_host` as in `Features`."""
        numbers = self.graph.numbers
        binary = [name for name in self.graph.towers if name not in numbers]
        chances = {name: Probability(logits[name], on_host) for name in binary}
        return {
            **self.graph.outputs(chances),
            **{name: RegressionHead(logits[name], b.head == "log_regression", b.start) for name, b in numbers.items()},
        }

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean loss of each behaviour over its space, and of order within requests where that is asked for.

        Impressions whose label is not known (NaN) are not in its loss, and in every other loss all the same.
        """
        parts = {}
        for objective in self.graph.objectives:
            output, given = outputs[objective.task], labels[objective.label]
            among = labels[objective.among] if objective.among else None
            if self._is_plain(objective):
                parts[objective.task] = mean_loss(output, given, among)
                continue
            mask, label = known(given, among), filled(given)
            each = self.loss(objective, output, label, labels)
            if objective.sample_weight:
                # A weight may be empty where its label is: 0 * NaN would be NaN.
                each = each * paddle.where(mask > 0, labels[objective.sample_weight], paddle.zeros_like(mask))
            parts[objective.task] = masked_mean(each, mask)
            if objective.pairwise and isinstance(output, Probability):
                parts[f"{objective.task}_pairs"] = pairwise_loss(output.logit, label, labels[REQUEST], mask)
        return parts

    def _is_plain(self, objective: Objective) -> bool:
        """Whether a loss is that of the output alone."""
        own = type(self).loss is not MultiTask.loss
        return not (own or objective.sample_weight or objective.pairwise)

    def loss(self, objective: Objective, output: Output, label: Any, labels: Mapping[str, Any]) -> Any:
        """Loss of each impression, float [B, 1], before mask and sample weight; an unknown label is 0 here."""
        return output.loss(label)

    def combine(self, parts: Mapping[str, Any], labels: Mapping[str, Any], features: Features) -> Any:
        """The scalar that a step minimises: weighted losses, and a subclass's own terms as they are."""

        def untrained() -> dict[str, Any]:
            """The losses of a network all of whose logits are 0, on the same batch."""
            zeros = paddle.zeros_like(next(iter(labels.values())))
            # Not a subclass's: its own terms are weighted by nobody, and may need more than the towers' outputs.
            return MultiTask.losses(self, self.compose(dict.fromkeys(self.graph.towers, zeros)), labels)

        names = self._weights()
        weighted = {name: part for name, part in parts.items() if name in names}
        own = {id(p) for p in self.weighting.parameters()}
        parameters = [p for p in self.trained() if id(p) not in own]
        total = self.weighting(weighted, untrained, features.pulled, parameters)
        for name, part in parts.items():
            if name not in names:
                total = total + part
        return total

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """The label columns of the declared behaviours, and those that `forward` reads."""
        return rules_of(hyper_parameters.get("behaviours") or {}, cls.columns)

    def gates(self) -> dict[str, Any]:
        """How much each expert is asked by the gate that wants it most, by group of experts, float [B, E]."""
        return self.sharing.asked

    @property
    def needed_labels(self) -> frozenset[str]:
        return frozenset([*self.graph.columns, *self.columns])

    def _weights(self) -> dict[str, float]:
        """The weight of each loss."""
        objectives = self.graph.objectives
        points = {o.task: o.weight for o in objectives}
        return points | {f"{o.task}_pairs": o.pairwise for o in objectives if o.pairwise}


def _check_weights(objectives: Sequence[Objective], kind: str) -> None:
    for objective in objectives:
        if not objective.weight:
            raise UserError(
                f"hyper_parameters.behaviours.{objective.behaviour}.weight is 0, but weighting {kind} learns the "
                "weights: give it one above 0, leave the behaviour out, or set weighting to fixed or pcgrad"
            )
