"""What is asked of a format that tables come in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import pyarrow as pa


class Opened(ABC):
    """A file of a table, by parts of which any can be read at any time, also in a forked process.

    Attributes:
        names: its columns, in their order; a name may stand there twice.
        types: a column's type, as far as the file says it.
        parts: how many rows each part has, and where it is.
    """

    names: list[str]
    types: dict[str, pa.DataType]
    parts: list[tuple[int, Any]]

    @abstractmethod
    def read(self, part: int, columns: list[str]) -> pa.Table:
        """Some columns of a part."""
