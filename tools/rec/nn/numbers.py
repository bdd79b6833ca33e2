"""Numbers as field vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it
from pydantic import AfterValidator, BeforeValidator, Field

from rec.config.parts import Registry, section_of
from rec.nn.features import Features


class LinearEmbedding(nn.Layer):
    """z_n e_n: a learned vector for each number, times the number."""

    def __init__(self, numbers: int, dim: int) -> None:
        super().__init__()
        self.weight = self.create_parameter([1, numbers, dim], default_initializer=nn.initializer.Normal(0.0, 0.01))

    def forward(self, z: Any) -> Any:
        """float [B, N] to [B, N, dim]."""
        return paddle.unsqueeze(z, 2) * self.weight


class AutoDis(nn.Layer):
    """softmax(s / temperature) M, s = A h + alpha h, h = leaky_relu(w z) (Guo et al., KDD 2021, equations 4 to 6).

    Each number has H meta-embeddings M of its own, and weighs them by what it is.

    Args:
        buckets: H.
        temperature: small: a number takes one of them nearly alone.
        alpha: of the skip connection.
    """

    def __init__(
        self,
        numbers: int,
        dim: int,
        buckets: Annotated[int, Field(gt=0)] = 16,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
        alpha: float = 0.8,
    ) -> None:
        super().__init__()
        self.temperature, self.alpha = temperature, alpha
        normal = nn.initializer.XavierNormal()
        self.first = self.create_parameter([1, numbers, buckets], default_initializer=normal)
        self.mix = self.create_parameter([numbers, buckets, buckets], default_initializer=normal)
        self.meta = self.create_parameter([numbers, buckets, dim], default_initializer=nn.initializer.Normal(0.0, 0.01))

    def forward(self, z: Any) -> Any:
        """float [B, N] to [B, N, dim]."""
        hidden = paddle.transpose(F.leaky_relu(paddle.unsqueeze(z, 2) * self.first), [1, 0, 2])
        scores = paddle.matmul(hidden, self.mix, transpose_y=True) + self.alpha * hidden
        return paddle.transpose(paddle.matmul(F.softmax(scores / self.temperature, axis=-1), self.meta), [1, 0, 2])


class NoEmbedding(nn.Layer):
    """Numbers stand beside the fields as they are."""

    def __init__(self, numbers: int, dim: int) -> None:
        super().__init__()


REGISTRY = Registry({"none": NoEmbedding, "linear": LinearEmbedding, "autodis": AutoDis}, "numbers", "dim")

NumberEmbedding: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check), BeforeValidator(section_of)]
"""A section such as `{kind: autodis, buckets: 20}`, or the kind alone."""


NumberEmbeddings: TypeAlias = Mapping[str, NumberEmbedding | None]
"""Of each number its own section, or None where it says nothing, in the order of the numbers."""


def sections_of(count: int, default: Any, own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """How each of so many numbers becomes a vector: the first ones as `own` says, if it does."""
    said = [*own.values(), *[None] * (count - len(own))]
    return [section_of(default if section is None else section) for section in said]


def embedded(sections: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which numbers become vectors."""
    return [n for n, section in enumerate(sections) if section["kind"] != "none"]


class Numbers(nn.Layer):
    """Numbers become fields behind the others, each as its section says; those of kind none stay beside the fields.

    Numbers of one section have one layer.
    """

    def __init__(self, sections: Sequence[Mapping[str, Any]], dim: int) -> None:
        super().__init__()
        vectors = embedded(sections)
        self._beside = [n for n in range(len(sections)) if n not in vectors]
        same = [[m for m in vectors if sections[m] == sections[n]] for n in vectors]
        self._groups = [group for n, group in zip(vectors, same, strict=True) if group[0] == n]
        layers = [REGISTRY.build(sections[group[0]], numbers=len(group), dim=dim) for group in self._groups]
        self.layers = nn.LayerList(layers)

    def forward(self, features: Features) -> Features:
        """Features of more fields and fewer numbers beside them."""
        if not self._groups:
            return features
        numbers, *rest = features.more
        vectors = [
            paddle.flatten(layer(_columns(numbers, group)), 1)
            for layer, group in zip(self.layers, self._groups, strict=True)
        ]
        beside = [_columns(numbers, self._beside)] if self._beside else []
        rows = [*features.field_rows, *[None] * len(vectors)]
        return features.of([*features.fields, *vectors], rows, more=[*beside, *rest])


def _columns(x: Any, which: list[int]) -> Any:
    """Some columns of [B, N]."""
    if len(which) == x.shape[1]:
        return x
    every = paddle.split(x, int(x.shape[1]), axis=1)
    return paddle.concat([every[n] for n in which], axis=1)
