"""Values of a table's columns as ids: by a vocabulary that is built once, or by hashing."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, TypeAdapter

from rec.errors import UserError
from rec.numeric import Array


@dataclass(frozen=True)
class Vocabulary:
    """Ids of each field's values. A field's first id is that of values it does not know; ids of fields do not overlap.

    Attributes:
        values: for each field its known values in the order of their ids; None where ids come from hashing.
        hash_size: ids per field where they come from hashing.
        edges: for each bucketed field the bounds between its buckets.
    """

    values: dict[str, list[str] | None]
    hash_size: Annotated[int, Field(gt=0)] | None
    edges: dict[str, list[float]]

    @property
    def num_id(self) -> int:
        """Ids of all fields together."""
        return sum(self._size(name) for name in self.values)

    def _size(self, name: str) -> int:
        known = self.values[name]
        return 1 + (len(known) if known is not None else self.hash_size or 0)

    def ids(self, name: str, values: pa.Array) -> Array:
        """int32 [T] ids of a field's values, given as strings."""
        names = list(self.values)
        offset = sum(self._size(before) for before in names[: names.index(name)])
        distinct = pc.dictionary_encode(values)
        codes = distinct.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        known = self.values[name]
        if known is None:
            texts = distinct.dictionary.to_pylist()
            local = np.array([1 + zlib.crc32(t.encode()) % (self.hash_size or 1) for t in texts], np.int32)
        else:
            found = pc.index_in(distinct.dictionary, pa.array(known, pa.string()))
            local = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32) + 1
        return (local[codes] + offset).astype(np.int32) if len(local) else np.empty(0, np.int32)

    def to_json(self) -> str:
        """As text, for a checkpoint."""
        return json.dumps({"values": self.values, "hash_size": self.hash_size, "edges": self.edges}, ensure_ascii=False)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read it. Raises UserError if it is missing or damaged."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            cls(**content)  # a name that is missing or unknown
            vocabulary = TypeAdapter(cls).validate_python(content)
            for texts in vocabulary.values.values():
                "".join(texts or ()).encode()  # JSON can say half a surrogate pair, which is no text
        except FileNotFoundError:
            raise UserError(f"{path}: no vocabulary; a checkpoint trained on a table holds it") from None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: is no vocabulary: {error}") from None
        if None in vocabulary.values.values() and not vocabulary.hash_size:
            raise UserError(f"{path}: is no vocabulary: a field has neither values nor a hash size")
        return vocabulary


def known_values(values: pa.Array, min_count: int) -> list[str]:
    """The values that occur at least `min_count` times, the commonest first."""
    counts = pc.value_counts(values)
    texts, numbers = counts.field("values").to_pylist(), counts.field("counts").to_numpy(zero_copy_only=False)
    kept = [(-count, text) for text, count in zip(texts, numbers.tolist(), strict=True) if count >= min_count]
    return [text for _, text in sorted(kept)]
