"""The input of a network: field vectors, kept in blocks so that a shared row is multiplied once; numbers; histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import paddle


@dataclass(frozen=True)
class History:
    """A field's vectors token by token.

    Attributes:
        vectors: float32 [R, L, D], oldest first, zeros behind a row's last token.
        lengths: int64 [R], tokens of each row.
        row_index: int [B], the row of each impression; None: impression b is row b.
    """

    vectors: Any
    lengths: Any
    row_index: Any = None

    def of_impressions(self) -> tuple[Any, Any]:
        """Vectors [B, L, D], and 1 where there is a token and 0 where there is none, float32 [B, L]."""
        return expand(self.vectors, self.row_index), expand(self._there().astype("float32"), self.row_index)

    def largest(self) -> Any:
        """Of each column its largest number among a row's tokens, float [R, D]; 0 of a row without tokens."""
        there = paddle.unsqueeze(self._there(), 2)
        low = paddle.full_like(self.vectors, -3e38)
        seen = paddle.where(paddle.tile(there, [1, 1, low.shape[2]]), self.vectors, low)
        largest = paddle.max(seen, axis=1, keepdim=True).detach()
        # Equal ones, such as a token's that occurs twice, share the gradient: `max` would give all of it to one, and
        # `amax`, which would not, is no operator of ONNX.
        equal = (seen == largest).astype("float32")
        shared = (seen * (equal / equal.sum(axis=1, keepdim=True))).sum(axis=1)
        most = paddle.squeeze(largest, 1) + (shared - shared.detach())
        return paddle.where(paddle.unsqueeze(self.lengths, 1) > 0, most, paddle.zeros_like(most))

    def _there(self) -> Any:
        """Whether there is a token, bool [R, L]."""
        places = paddle.arange(self.vectors.shape[1], dtype="int64")
        return paddle.unsqueeze(places, 0) < paddle.unsqueeze(self.lengths, 1)


class Features:
    """A [B, width] matrix that is never built unless someone asks: per block [R, w] and each impression's row.

    A block whose rows serve several impressions (a user's history) is multiplied by its part of the weight once per row
    and only the product is copied out to the impressions.

    Args:
        blocks: float32 tensors [R_i, F_i * D], the vectors of F_i fields.
        row_index: for each block int [B], the row of each impression; None where impression b is row b.
        on_host: they are computed with in host memory, by a program that nobody exports: `rec.nn.towers` may be used.
        more: float32 tensors [B, w] that stand behind the fields: numbers, fields of other widths, and what is made of
            fields.
        histories: by field name; they are no part of the matrix.
        names: the fields, in the order of the blocks.
        pulled: what came out of the embedding table, and gets a gradient, float32 tensors; None: fields and histories.
    """

    def __init__(
        self,
        blocks: Sequence[Any],
        row_index: Sequence[Any],
        on_host: bool = False,
        more: Sequence[Any] = (),
        histories: Mapping[str, History] | None = None,
        names: Sequence[str] = (),
        pulled: Sequence[Any] | None = None,
    ) -> None:
        self.fields, self.field_rows, self.on_host = list(blocks), list(row_index), on_host
        self.more, self.histories, self.names = list(more), dict(histories or {}), tuple(names)
        self._pulled = pulled

    @property
    def blocks(self) -> list[Any]:
        """All of the matrix."""
        return [*self.fields, *self.more]

    @property
    def row_index(self) -> list[Any]:
        """Of all blocks."""
        return [*self.field_rows, *[None] * len(self.more)]

    @property
    def pulled(self) -> list[Any]:
        """What came out of the embedding table, and gets a gradient: float32 tensors."""
        if self._pulled is not None:
            return list(self._pulled)
        return [*self.fields, *(history.vectors for history in self.histories.values())]

    @property
    def width(self) -> int:
        """Of the matrix."""
        return sum(int(block.shape[1]) for block in self.blocks)

    def matmul(self, weight: Any) -> Any:
        """`self @ weight` for weight [width, H]: float [B, H]."""
        widths = [int(block.shape[1]) for block in self.blocks]
        parts = paddle.split(weight, widths, axis=0) if len(widths) > 1 else [weight]
        products = [
            expand(paddle.matmul(block, part), rows)
            for block, part, rows in zip(self.blocks, parts, self.row_index, strict=True)
        ]
        total = products[0]
        for product in products[1:]:
            total = total + product
        return total

    def dense(self) -> Any:
        """The whole matrix, [B, width]."""
        return _side_by_side([expand(block, rows) for block, rows in zip(self.blocks, self.row_index, strict=True)])

    def vectors(self, dim: int) -> Any:
        """The fields' vectors of `dim`, [B, F, dim]."""
        blocks = [expand(block, rows) for block, rows in zip(self.fields, self.field_rows, strict=True)]
        return paddle.reshape(_side_by_side(blocks), [-1, self.field_width // dim, dim])

    @property
    def field_width(self) -> int:
        """F * dim."""
        return sum(int(block.shape[1]) for block in self.fields)

    def field(self, name: str, dim: int) -> Any:
        """A field's vector, [B, dim]."""
        at = self.names.index(name)
        for block, rows, places in zip(self.fields, self.field_rows, self.places(dim), strict=True):
            if at in places:
                start = (at - places.start) * dim
                return expand(block[:, start : start + dim], rows)
        raise IndexError(name)

    def places(self, dim: int) -> list[range]:
        """The numbers of each block's fields."""
        stops = accumulate(int(block.shape[1]) // dim for block in self.fields)
        return [range(start, stop) for start, stop in pairwise([0, *stops])]

    def plus(self, *more: Any) -> Features:
        """The same with more columns, float32 [B, w] each."""
        return self.of(self.fields, self.field_rows, [*self.more, *more])

    def of(
        self, blocks: Sequence[Any], row_index: Sequence[Any], more: Sequence[Any] | None = None,
        histories: Mapping[str, History] | None = None, names: Sequence[str] | None = None,
    ) -> Features:  # fmt: skip
        """The same with other blocks."""
        return Features(
            blocks, row_index, self.on_host, self.more if more is None else more,
            self.histories if histories is None else histories, self.names if names is None else names,
        )  # fmt: skip

    def spaces(self, *widths: int) -> list[Features]:
        """Features of each of several embedding spaces, whose vectors of these widths stand in turn in a field's."""
        total, ends = sum(widths), list(accumulate(widths))
        found = []
        for start, stop in zip([0, *ends], ends, strict=False):
            blocks = []
            for block in self.fields:
                split = paddle.reshape(block, [-1, int(block.shape[1]) // total, total])
                blocks.append(paddle.reshape(split[:, :, start:stop], [-1, split.shape[1] * (stop - start)]))
            histories = {
                name: History(history.vectors[:, :, start:stop], history.lengths, history.row_index)
                for name, history in self.histories.items()
            }
            found.append(self.of(blocks, self.field_rows, histories=histories))
        return found


def expand(rows: Any, row_index: Any) -> Any:
    """Rows, [R, ...], copied out to impressions, [B, ...]."""
    return rows if row_index is None else paddle.gather(rows, row_index, axis=0)


def _side_by_side(blocks: list[Any]) -> Any:
    return paddle.concat(blocks, axis=1) if len(blocks) > 1 else blocks[0]
