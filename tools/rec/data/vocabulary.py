"""Values of a table's columns as ids: by a vocabulary that is built once, or by hashing."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, TypeAdapter

from rec.console import log
from rec.data.spelling import BadValueError, canonical
from rec.errors import UserError
from rec.numeric import Array

VOCABULARY = "vocabulary.json"
"""Its file in a checkpoint."""


@dataclass(frozen=True)
class Vocabulary:
    """Ids of each field's values. A field's first id is that of values it does not know; ids of fields do not overlap.

    Attributes:
        values: for each field its known values in the order of their ids; None where ids come from hashing.
        hash_size: ids per field where they come from hashing.
        edges: for each bucketed field the bounds between its buckets.
        spelling: 1: values are spelled as `rec.data.spelling` says; 0: as they stood in a file, before that was so.
    """

    values: dict[str, list[str] | None]
    hash_size: Annotated[int, Field(gt=0)] | None
    edges: dict[str, list[float]]
    spelling: Literal[0, 1] = 1

    @property
    def num_id(self) -> int:
        """Ids of all fields together."""
        return sum(self._size(name) for name in self.values)

    def _size(self, name: str) -> int:
        known = self.values[name]
        return 1 + (len(known) if known is not None else self.hash_size or 0)

    def ids(self, name: str, values: pa.ChunkedArray) -> Array:
        """int32 [T] ids of a field's values, given as strings in the spelling of `rec.data.spelling`."""
        offset = self.offset(name)
        chunks = values.dictionary_encode().unify_dictionaries().chunks  # one dictionary, and so one look-up, for all
        if not chunks:
            return np.empty(0, np.int32)
        distinct, known = chunks[0].dictionary, self.values[name]
        if known is None:
            texts = distinct.to_pylist()
            local = np.array([1 + zlib.crc32(t.encode()) % (self.hash_size or 1) for t in texts], np.int32)
        else:
            found = pc.index_in(distinct, pa.array(known, pa.string()))
            local = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int32) + 1
        local = (local + offset).astype(np.int32)
        return np.concatenate([local[chunk.indices.to_numpy()] for chunk in chunks])

    def offset(self, name: str) -> int:
        """A field's first id, that of values it does not know."""
        names = list(self.values)
        return sum(self._size(before) for before in names[: names.index(name)])

    def to_json(self) -> str:
        """As text, for a checkpoint."""
        return json.dumps(vars(self), ensure_ascii=False)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read it.

        Raises:
            UserError: it is missing or damaged, or of before and knows one value in several spellings.
        """
        try:
            content = {"spelling": 0, **json.loads(path.read_text(encoding="utf-8"))}
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
        return vocabulary if vocabulary.spelling else _respelled(vocabulary, path)


def _respelled(vocabulary: Vocabulary, path: Path) -> Vocabulary:
    """A vocabulary of before whose values are spelled as they are read now."""
    values: dict[str, list[str] | None] = {}
    for name, known in vocabulary.values.items():
        try:
            values[name] = None if known is None else canonical(pa.array(known, pa.string()), name).to_pylist()
        except BadValueError as error:
            raise UserError(f"{path}: field {name}: {error.reason}; train again") from None
        counts = Counter(values[name] or ())
        twice = next((text for text in counts if counts[text] > 1), None)
        if twice is not None:
            raise UserError(f"{path}: field {name} knows {twice} in several spellings, which are one now: train again")
    if None in values.values():
        log.warning(
            "%s: of before ids had one spelling: train again if a column of numbers held fractions such as 12.0", path
        )
    return replace(vocabulary, values=values, spelling=1)


def known_values(values: pa.ChunkedArray, min_count: int) -> list[str]:
    """The values that occur at least `min_count` times, the commonest first."""
    counts = pc.value_counts(values)
    texts, numbers = counts.field("values").to_pylist(), counts.field("counts").to_numpy(zero_copy_only=False)
    kept = [(-count, text) for text, count in zip(texts, numbers.tolist(), strict=True) if count >= min_count]
    return [text for _, text in sorted(kept)]
