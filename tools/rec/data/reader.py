"""What the package's readers have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from pydantic import Field

from rec.data.batch import Batch
from rec.data.plan import ReadPlan

_USER = ("101", "109_14", "110_14", "127_14", "150_14", "121", "122", "124", "125", "126", "127", "128", "129")
_ITEM = ("205", "206", "207", "210", "216", "508", "509", "702", "853", "301")
ALI_CCP_FIELDS = (*_USER, *_ITEM)
"""Ali-CCP's 23 fields, the user's first."""


@dataclass(frozen=True)
class ReaderSettings:
    """The hyper-parameters that readers read.

    Attributes:
        sparse_feature_number: ids must be below it; None: as many as the data has, where the data can tell.
        fields: field names, in the order the network sees them; tokens of other fields are skipped.
        max_len: tokens kept per row and field, in the data's order; 0 keeps all.
        pooling: how a field's vectors become one: their sum, their mean, or their sum weighted by the data's values.
    """

    sparse_feature_number: Annotated[int, Field(gt=0)] | None = None
    fields: Sequence[str | int] = ALI_CCP_FIELDS
    max_len: Annotated[int, Field(ge=0)] = 0
    pooling: Literal["sum", "mean", "weighted"] = "sum"


@dataclass(frozen=True)
class Block:
    """A block of fields as the network sees it: how many, and whether its rows serve several exposures."""

    num_field: int
    shared: bool


class Reader(Protocol):
    """A reader that makes whole batches. PaddleRec's readers yield rows instead; `rec.data.rows` adapts them."""

    labels: tuple[str, ...]
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        """Exposures in the data."""

    def batches(self, plan: ReadPlan) -> Iterator[Batch]:
        """The batches of a plan, in order."""
