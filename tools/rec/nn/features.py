"""The input of a network: pooled field vectors, kept in blocks so that a shared row is multiplied once."""

from collections.abc import Sequence
from typing import Any

import paddle


class Features:
    """A [B, F * D] matrix that is never built unless someone asks: per block [R, F_i * D] and each impression's row.

    A block whose rows serve several impressions (a user's history) is multiplied by its part of the weight once per row
    and only the product is copied out to the impressions.

    Args:
        blocks: float32 tensors [R_i, F_i * D], in the order of the model's fields.
        row_index: for each block int64 [B], the row of each impression; None where impression b is row b.
        on_host: they are computed with in host memory, by a program that nobody exports: `rec.nn.towers` may be used.
    """

    def __init__(self, blocks: Sequence[Any], row_index: Sequence[Any], on_host: bool = False) -> None:
        self.blocks, self.row_index, self.on_host = list(blocks), list(row_index), on_host

    @property
    def width(self) -> int:
        """F * D."""
        return sum(int(block.shape[1]) for block in self.blocks)

    def matmul(self, weight: Any) -> Any:
        """`self @ weight` for weight [F * D, H]: float [B, H]."""
        widths = [int(block.shape[1]) for block in self.blocks]
        parts = paddle.split(weight, widths, axis=0) if len(widths) > 1 else [weight]
        products = [
            _expand(paddle.matmul(block, part), rows)
            for block, part, rows in zip(self.blocks, parts, self.row_index, strict=True)
        ]
        total = products[0]
        for product in products[1:]:
            total = total + product
        return total

    def dense(self) -> Any:
        """The whole matrix, [B, F * D]."""
        blocks = [_expand(block, rows) for block, rows in zip(self.blocks, self.row_index, strict=True)]
        return paddle.concat(blocks, axis=1) if len(blocks) > 1 else blocks[0]

    def spaces(self, count: int, dim: int) -> list["Features"]:
        """Features of each of `count` embedding spaces, whose vectors of `dim` stand in turn in a field's."""
        parts: list[list[Any]] = [[] for _ in range(count)]
        for block in self.blocks:
            fields = int(block.shape[1]) // (count * dim)
            split = paddle.reshape(block, [-1, fields, count, dim])
            for space in range(count):
                parts[space].append(paddle.reshape(split[:, :, space], [-1, fields * dim]))
        return [Features(blocks, self.row_index, self.on_host) for blocks in parts]


def _expand(rows: Any, row_index: Any) -> Any:
    return rows if row_index is None else paddle.gather(rows, row_index, axis=0)
