"""What the package asks of a network of ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from paddle import nn

from rec.config.behaviours import LabelKind
from rec.data.labels import LabelRules
from rec.metrics.task import Task
from rec.nn.weighting.second_look import SecondLook


class Output(Protocol):
    """A prediction, such as `Probability` and `RegressionHead`."""

    @property
    def value(self) -> Any:
        """The prediction in its label's units, float [B, 1]."""

    def mapped(self, rows: Callable[[Any], Any]) -> Any:
        """The same prediction, with each tensor of numbers per impression, [B, 1] or wider, as `rows` has it."""


class Network(nn.Layer):
    """Base of our networks: a `paddle.nn.Layer` whose forward maps `Features` to predictions by task name, [B, 1] each.

    A network says what it predicts and what that costs; how it is trained, saved, evaluated and exported follows.

    Attributes:
        tasks: what it predicts and the labels that is judged by; they may depend on its hyper-parameters.
        embedding_dim: width of a table row; `forward` gets F * embedding_dim features.
        spaces: how many embeddings of a field stand in turn in such a row.
        extra: columns behind each of them, numbers of a first order.
        space_names: whose they are, where there are several.
        columns: label columns that `forward` reads besides, as a second argument, float [B, 1] by name; and what they
            may hold.
    """

    tasks: tuple[Task, ...] = ()
    embedding_dim: int
    spaces: int = 1
    extra: int = 0
    space_names: Sequence[str] = ()
    columns: ClassVar[Mapping[str, LabelKind]] = {}

    @classmethod
    def label_rules(cls, hyper_parameters: Mapping[str, Any]) -> LabelRules:
        """The label columns that training reads, in the order of a line of text, and what follows for them."""
        return LabelRules()

    @property
    def row_parts(self) -> dict[str, int]:
        """What stands in turn in such a row, by name, and how wide each is."""
        names = [f"_{name}" for name in self.space_names or range(self.spaces)] if self.spaces > 1 else [""]
        parts = (("vector", self.embedding_dim // self.spaces - self.extra), ("first_order", self.extra))
        return {part + name: width for name in names for part, width in parts if width}

    @property
    def needed_labels(self) -> frozenset[str]:
        """The label columns that `losses` reads."""
        return frozenset(self.label_rules({}).columns)

    def losses(self, outputs: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, Any]:
        """Mean loss of each trained task, scalars by task name. `labels`: float [B, 1] by name."""
        raise NotImplementedError

    def combine(self, parts: Mapping[str, Any], labels: Mapping[str, Any], features: Any) -> Any:
        """The scalar that a step minimises, from `losses`: their sum."""
        total: Any = 0.0
        for part in parts.values():
            total = total + part
        return total

    @property
    def second_look(self) -> SecondLook | None:
        """The weighting that wants the losses of a batch once more after the update, if there is one."""
        return next((layer for layer in self.sublayers() if isinstance(layer, SecondLook)), None)

    def trained(self) -> list[Any]:
        """The parameters that an optimizer moves; others are what a layer remembers of its input."""
        return [parameter for parameter in self.parameters() if not parameter.stop_gradient]

    def gates(self) -> dict[str, Any]:
        """The softmax weights of the last forward in training by group of experts, float [B, E]: where several gates
        weigh the same experts, the largest. Training watches them for experts that nothing asks any more."""
        return {}

    def diagnostics(self, outputs: Mapping[str, Any], labels: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Figures that the training log shows beside the losses, by name.

        Args:
            outputs: of `forward`, in training.
            labels: float [B, 1] by name.

        Returns:
            A sum over the batch and what it is to be divided by, scalars each: over a print interval and an epoch both
            are summed first, so that a share of clicked impressions is that of all of them, whatever batch they were
            in. Where the divisor is 0, nothing is shown.
        """
        return {}
