"""Values of a table's columns as ids: by a vocabulary that is built once, or by hashing."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field, TypeAdapter

from rec.console import log
from rec.data.growth import Growth
from rec.data.lookup import Lookup
from rec.data.rates import Rates
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
        counts: how often each known value occurred in the rows that made the vocabulary, where fields share ids in the
            one of single values (see `rec.data.value_counts`); nothing of before this was kept.
        hash_sizes: the same by field, where a field has its own.
        shares: for a field without ids of its own the field whose ids it has.
        scales: for each field that is a number what is subtracted, what it is then divided by, and what stands for an
            empty one (see `rec.data.scale`).
        rates: for each field that is a statistic what training rows said.
        growth: what one that grows from day to day remembers besides; None: it does not.
        grows: whether it is to grow by the rows that are read with it; no part of its file.
        spelling: 1: values are spelled as `rec.data.spelling` says; 0: as they stood in a file, before that was so.
    """

    values: dict[str, list[str] | None]
    hash_size: Annotated[int, Field(gt=0)] | None
    edges: dict[str, list[float]]
    spelling: Literal[0, 1] = 1
    counts: dict[str, list[int]] = field(default_factory=dict)
    hash_sizes: dict[str, int] = field(default_factory=dict)
    shares: dict[str, str] = field(default_factory=dict)
    scales: dict[str, list[float]] = field(default_factory=dict)
    rates: dict[str, Rates] = field(default_factory=dict)
    growth: Growth | None = None
    grows: bool = field(default=False, compare=False)

    @property
    def num_id(self) -> int:
        """Ids of all fields together."""
        return sum(self.size(name) for name in self.values)

    def size(self, name: str) -> int:
        """Ids of a field's own: none where it has those of another."""
        if name in self.shares:
            return 0
        known = self.values[name]
        return 1 + (len(known) if known is not None else self._hash_size(name))

    def _hash_size(self, name: str) -> int:
        return self.hash_sizes.get(name, self.hash_size or 0)

    def own(self, name: str) -> str:
        """The field whose ids a field has: mostly its own."""
        return self.shares.get(name, name)

    def known(self, name: str) -> list[str] | None:
        """The values of a field's ids; None where they come from hashing."""
        return self.values[self.own(name)]

    def ids(self, name: str, values: pa.ChunkedArray) -> Array:
        """int32 [T] ids of a field's values, given as strings in the spelling of `rec.data.spelling`."""
        offset, name = np.int32(self.offset(name)), self.own(name)
        return np.concatenate([np.empty(0, np.int32), *(self._local(name, chunk) + offset for chunk in values.chunks)])

    def ids_of(self, name: str, values: list[str]) -> Array:
        """int32 [n], the same of a list."""
        return self.ids(name, pa.chunked_array([pa.array(values, pa.string())]))

    def _local(self, name: str, values: pa.Array) -> Array:
        """int32 [T], counted from the field's first id."""
        if self.values[name] is not None:
            return self._lookups(name).find(values) + np.int32(1)
        encoded, size = values.dictionary_encode(), self._hash_size(name) or 1
        places = [1 + zlib.crc32(text.encode()) % size for text in encoded.dictionary.to_pylist()]
        return np.array(places, np.int32)[encoded.indices.to_numpy()]

    @cached_property
    def _lookups(self) -> Callable[[str], Lookup]:
        return cache(lambda name: Lookup(self.values[name] or ()))

    def id_counts(self) -> Array:
        """How often each id occurred, int64 [num_id]: of values that are known, where `counts` are."""
        total = np.zeros(self.num_id, np.int64)
        for name, counts in self.counts.items():
            first = self.offset(name) + 1
            total[first : first + len(counts)] = counts
        return total

    def offset(self, name: str) -> int:
        """A field's first id, that of values it does not know."""
        names = list(self.values)
        return sum(self.size(before) for before in names[: names.index(self.own(name))])

    def to_json(self) -> str:
        """As text, for a checkpoint."""
        content = {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
        content["rates"] = {name: asdict(own) for name, own in self.rates.items()}
        content.pop("growth")
        more = {"growth": asdict(self.growth)} if self.growth else {}
        return json.dumps(content | more, ensure_ascii=False)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read it.

        Raises:
            UserError: it is missing or damaged, or of before and knows one value in several spellings.
        """
        try:
            content = {"spelling": 0, **json.loads(path.read_text(encoding="utf-8")), "grows": False}
            cls(**content)  # a name that is missing or unknown
            vocabulary = TypeAdapter(cls).validate_python(content)
            for texts in vocabulary.values.values():
                "".join(texts or ()).encode()  # JSON can say half a surrogate pair, which is no text
        except FileNotFoundError:
            raise UserError(f"{path}: no vocabulary; a checkpoint trained on a table holds it") from None
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise UserError(f"{path}: is no vocabulary: {error}") from None
        hashed = [name for name, known in vocabulary.values.items() if known is None]
        if not all(vocabulary._hash_size(name) for name in hashed):
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
