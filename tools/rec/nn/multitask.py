"""A network of two independent choices: how towers share, and how behaviours follow from each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle
from paddle import nn

from rec.config.parts import section_of
from rec.data.labels import LabelRules, rules_of
from rec.nn import objectives
from rec.nn.between import Between, Dropout, Norm
from rec.nn.events import Objective
from rec.nn.features import Features
from rec.nn.gating import GatedTower, Gating, build_gating
from rec.nn.graph import Behaviours, Graph
from rec.nn.interaction import REGISTRY as INTERACTIONS
from rec.nn.interaction import Section, Shape
from rec.nn.interaction.spaces import interact, with_added
from rec.nn.layers import MLP, Sizes, each_on
from rec.nn.masks import filled, known, mean_loss
from rec.nn.negatives import NegativeRate, among_kept, first_bias
from rec.nn.network import Network
from rec.nn.numbers import NumberEmbedding, NumberEmbeddings, Numbers, embedded, sections_of
from rec.nn.objectives import Output, is_plain
from rec.nn.sharing import REGISTRY as SHARINGS
from rec.nn.sharing import Sharing
from rec.nn.smearing import Smearing
from rec.nn.weighting import REGISTRY as WEIGHTINGS
from rec.nn.weighting import Weighting


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
        number_embeddings: those that have an `embed` of their own in data.fields.
        dropout: share of a hidden layer's units that a step leaves out, in towers, experts and bottoms.
        norm: what the same layers' outputs are brought to mean 0 and variance 1 over, before ReLU: the batch, or the
            units of the layer; none: they are left alone.
        negative_rate: follows from data.negative_rate.
        gating: fields that scale what the sharing sees and the towers' hidden layers, see `rec.nn.gating`; None: none.
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
        number_embeddings: NumberEmbeddings = {},  # noqa: B006
        dropout: Dropout = 0.0,
        norm: Norm = "none",
        negative_rate: NegativeRate = None,
        gating: Gating | None = None,
    ) -> None:
        super().__init__()
        self.graph = Graph(behaviours)
        self.tasks, towers, self.objectives = self.graph.tasks, self.graph.towers, self.graph.objectives
        self.dim, self.separate = sparse_feature_dim, SHARINGS[sharing].own_spaces
        self.space_names = (*towers, *SHARINGS[sharing].more_spaces)
        self.spaces, interaction = len(self.space_names) if self.separate else 1, section_of(interaction)
        numbers = sections_of(num_number, number_embedding, number_embeddings)
        vectors = len(embedded(numbers))
        beside = num_number - vectors + sum(field_dims.values())
        shape = Shape(num_field + vectors, self.dim, beside, 1 if self.separate else len(towers))
        self.interactions = nn.LayerList([INTERACTIONS.build(interaction, shape=shape) for _ in range(self.spaces)])
        self.extra, width = self.interactions[0].extra, self.interactions[0].width
        self.embedding_dim = (self.dim + self.extra) * self.spaces
        self.numbers = Numbers(numbers, self.embedding_dim)
        self.between, self.negative_rate = Between(dropout, norm), negative_rate
        self.first = self.graph.first_tower() if negative_rate else None
        self.sharing = SHARINGS.build(sharing, in_features=width, towers=towers, between=self.between)
        self.gating = build_gating(gating, self.dim, width, towers, tower_fc_sizes, self.separate)
        widths = dict(zip(towers, self.sharing.widths, strict=True))
        self.towers = nn.LayerDict({name: self._tower(name, widths[name], tower_fc_sizes) for name in towers})
        self.smearing = nn.LayerDict({name: Smearing() for name, b in self.graph.numbers.items() if b.smearing})
        self.weigh(weighting)

    def weigh(self, section: Weighting) -> None:
        """Sum the losses of `_weights` as a section says."""
        objectives.check_weights(self.objectives, section["kind"])
        self.weighting = WEIGHTINGS.build(section, weights=self._weights(), numbers=set(self.graph.numbers))

    def forward(self, features: Features) -> dict[str, Output]:
        """The prediction of each task, [B, 1] each."""
        return self.compose(self.logits(features), features.on_host)

    def logits(self, features: Features) -> dict[str, Any]:
        """What each tower says, float [B, 1] by name."""
        return self.logits_of(self.tower_inputs(features))

    def logits_of(self, inputs: list[Any]) -> dict[str, Any]:
        """The same from what each tower sees, `tower_inputs`, with what that call's interactions add to it."""
        found = dict(zip(self.graph.towers, each_on(list(self.towers.values()), inputs), strict=True))
        logits, levels = objectives.split(found, self.graph.said)
        logits = with_added(logits, self.interactions)
        if self.training and self.first is not None:
            logits[self.first] = among_kept(logits[self.first], self.negative_rate)
        return logits | levels

    def _tower(self, name: str, in_features: int, sizes: Sizes) -> MLP:
        """A tower with as many outputs as its loss needs."""
        start, tower = first_bias(self.negative_rate) if name == self.first else 0.0, GatedTower if self.gating else MLP
        return tower(in_features, sizes, self.between, 2 if self.graph.said(name).loss == "jrc" else 1, start)

    def tower_inputs(self, features: Features) -> list[Any]:
        """What each tower sees: `Features` or float [B, width]."""
        seen = interact(self.numbers(features), self.interactions, self.dim)
        if self.gating:
            seen = [self.gating(features, seen[0], list(self.towers.values()))]
        return self.sharing(seen if self.separate else seen[0])

    def compose(self, logits: Mapping[str, Any], on_host: bool = False) -> dict[str, Output]:
        """The predictions that follow from the towers' outputs; `on_host` as in `Features`."""
        chances, numbers = objectives.heads(self.graph, logits, self.smearing, on_host)
        return self.graph.outputs(chances) | numbers

    def losses(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean loss of each behaviour over its space, and of order within requests where that is asked for.

        Impressions whose label is not known (NaN) are not in its loss, and in every other loss all the same.
        """
        for objective in self.objectives:
            objectives.remember(self.smearing, objective, outputs[objective.task], labels)
        return self.parts(outputs, labels)

    def parts(self, outputs: Mapping[str, Output], labels: Mapping[str, Any]) -> dict[str, Any]:
        """The same losses; nothing is remembered."""
        parts = {}
        for objective in self.objectives:
            output, given = outputs[objective.task], labels[objective.label]
            among = labels[objective.among] if objective.among else None
            if is_plain(objective.said) and type(self).loss is MultiTask.loss:
                parts[objective.task] = mean_loss(output, given, among)
            else:
                mask, each = known(given, among), self.loss(objective, output, filled(given), labels)
                parts[objective.task] = objectives.mean_of(objective, each, mask, labels)
            parts |= objectives.within_requests(objective, output, labels)
        return parts

    def loss(self, objective: Objective, output: Output, label: Any, labels: Mapping[str, Any]) -> Any:
        """Loss of each impression, float [B, 1], before mask and sample weight; an unknown label is 0 here."""
        return objectives.pointwise(objective.said)(output, label)

    def combine(self, parts: Mapping[str, Any], labels: Mapping[str, Any], features: Features) -> Any:
        """The scalar that a step minimises: weighted losses, and a subclass's own terms as they are."""

        def untrained() -> dict[str, Any]:
            """The losses of a network all of whose logits are 0, on the same batch."""
            zeros = dict.fromkeys(self.graph.towers, paddle.zeros_like(next(iter(labels.values()))))
            # Not a subclass's: its own terms are weighted by nobody, and may need more than the towers' outputs.
            return MultiTask.parts(self, self.compose(zeros), labels)

        names = self._weights()
        weighted = {name: part for name, part in parts.items() if name in names}
        own = {id(p) for p in self.weighting.parameters()}
        others = [p for p in self.trained() if id(p) not in own]
        total = self.weighting(weighted, untrained, features.pulled, others)
        for part in (parts[name] for name in parts if name not in names):
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
        return objectives.weights(self.objectives)
