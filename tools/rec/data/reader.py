"""What the package's readers have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rec.data.batch import Batch
from rec.data.plan import ReadPlan


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
