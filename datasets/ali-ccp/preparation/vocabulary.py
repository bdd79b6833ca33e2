"""New ids for old: one contiguous id space in which a field owns [offset, offset + size).

The offset itself is the field's out-of-vocabulary id.

An id is known if it occurs at least min-count times in the tokens stored for training: every training exposure's own
tokens and, once each, the common rows they refer to. Rows held out for validation do not count: to them, as to the test
part, an unseen id is out of vocabulary.

Of data that go on from earlier ones an id's count is that of all of them, and a known one keeps its place within its
field: new ones come after it, so that a field's block grows and those behind it move.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from fields import FIELD_NAMES, FIELDS
from preparation.arrow import numbers, strings
from preparation.counted import WAITING, Counted, vocabulary_sha256
from preparation.earlier import Earlier
from preparation.parts import Part
from preparation.rows import fields_of

_COMMON_ROWS = 1 << 12
_ROW_GROUP = 1 << 17
_SCHEMA = pa.schema(
    [
        pa.field("field", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        pa.field("original_id", pa.int64(), nullable=False),
        pa.field("id", pa.int32(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


class Lookup(NamedTuple):
    """The new ids of the own or of the common fields."""

    table: np.ndarray
    """int32 [base[-1]]: new id at base[field] + original id, 0 where it is out of vocabulary."""
    base: np.ndarray
    """int64 [fields + 1]. Pages of the table that no id touches cost no memory: the system maps them to zeros."""
    unknown: np.ndarray
    """int32 [fields]: each field's out-of-vocabulary id."""


@dataclass(frozen=True)
class Vocabulary:
    """The id space."""

    offsets: dict[str, int]
    sizes: dict[str, int]
    """By field name; a size counts the out-of-vocabulary id."""
    lookups: dict[bool, Lookup]
    """By whether the fields are the common row's."""
    checksum: str
    """SHA-256 of each field's name and known original ids, in their order: with it the new ids mean the same."""
    waiting_checksum: str
    """SHA-256 of the same of ids that are too rare, and of their counts."""

    @property
    def total(self) -> int:
        """Ids in all."""
        return sum(self.sizes.values())


def build(
    train: Part,
    min_count: int,
    folder: Path,
    pool: Executor,
    advance: Callable[[int], object],
    earlier: Earlier | None = None,
) -> Vocabulary:
    """Count the training part's stored tokens, number ids that occur ``min_count`` times, write them to ``folder``."""
    empty = {is_common: _empty(train, is_common, earlier) for is_common in (True, False)}
    common = pool.submit(_count_all, _common_tokens(train), empty[True], advance)
    own = pool.submit(_count_all, _own_tokens(train), empty[False], advance)
    common.result()
    own.result()
    offsets, sizes, admitted, rest = {}, {}, {}, {}
    offset = 0
    with _writer(folder / "vocabulary.parquet") as writer, _writer(folder / WAITING) as waiting:
        for number, field in enumerate(FIELDS):
            lookup = empty[field.common]
            place = fields_of(field.common).index(field)
            counted, rare = _admitted(_taken(lookup, place), field.name, min_count, earlier)
            known = counted.ids
            new = np.arange(offset + 1, offset + 1 + len(known), dtype=np.int32)
            _write(writer, number, counted, new)
            _write(waiting, number, rare, np.full(len(rare.ids), offset, np.int32))
            lookup.table[lookup.base[place] + known] = new
            lookup.unknown[place] = offset
            admitted[field.name], rest[field.name] = counted, rare
            offsets[field.name], sizes[field.name] = offset, 1 + len(known)
            offset += 1 + len(known)
    return Vocabulary(offsets, sizes, empty, vocabulary_sha256(admitted), vocabulary_sha256(rest, counts=True))


def _empty(train: Part, common: bool, earlier: Earlier | None) -> Lookup:
    highest = (train.common if common else train.own).seen[:, 0]
    if earlier:
        known = [earlier.known.get(field.name, Counted.nothing()).ids for field in fields_of(common)]
        highest = np.maximum(highest, [ids.max(initial=0) for ids in known])
    base = np.concatenate(([0], np.cumsum(highest + 1)))
    return Lookup(np.zeros(base[-1], np.int32), base, np.zeros(len(base) - 1, np.int32))


def _own_tokens(part: Part) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(tokens, lengths) of the part's exposures, by row group."""
    for group in range(len(part.groups)):
        rows = part.exposures(group)
        lengths = part.own.take("lengths", rows)
        yield part.own.read_tokens(part.own.take("offset", rows), lengths.sum(axis=1, dtype=np.int64)), lengths


def _common_tokens(part: Part) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(tokens, lengths) of the common rows that the part refers to, some at a time."""
    rows = np.flatnonzero(part.uses)
    all_lengths, offset = part.common.column("lengths"), part.common.column("offset")
    for start in range(0, len(rows), _COMMON_ROWS):
        some = rows[start : start + _COMMON_ROWS]
        lengths = all_lengths[some]
        yield part.common.read_tokens(offset[some], lengths.sum(axis=1, dtype=np.int64)), lengths


def _count_all(
    blocks: Iterator[tuple[np.ndarray, np.ndarray]], lookup: Lookup, advance: Callable[[int], object]
) -> None:
    for tokens, lengths in blocks:
        _count(tokens, lengths, lookup.base, lookup.table)
        advance(len(tokens))


@njit(nogil=True, cache=True)
def _count(tokens: np.ndarray, lengths: np.ndarray, base: np.ndarray, table: np.ndarray) -> None:
    token = 0
    for row in range(lengths.shape[0]):
        for field in range(lengths.shape[1]):
            for _ in range(lengths[row, field]):
                table[base[field] + tokens[token, 0]] += 1
                token += 1


def _taken(lookup: Lookup, place: int) -> Counted:
    """The ids of the lookup's field ``place``, ascending, and their counts, in whose stead there are zeros then."""
    counts = lookup.table[lookup.base[place] : lookup.base[place + 1]]
    seen = np.flatnonzero(counts)
    found = Counted(seen, counts[seen].astype(np.int64))
    counts[seen] = 0
    return found


def _admitted(today: Counted, name: str, min_count: int, earlier: Earlier | None) -> tuple[Counted, Counted]:
    """A field's known ids, those of before first, and those that are too rare still, ascending."""
    nothing = Counted.nothing()
    known = earlier.known.get(name, nothing) if earlier else nothing
    before = earlier.waiting.get(name, nothing) if earlier else nothing
    ids = np.union1d(np.union1d(today.ids, before.ids), known.ids)
    counts = np.zeros(len(ids), np.int64)
    for some in (today, before, known):
        counts[np.searchsorted(ids, some.ids)] += some.counts
    is_new = np.ones(len(ids), bool)
    is_new[np.searchsorted(ids, known.ids)] = False
    new, rare = (is_new & enough for enough in (counts >= min_count, counts < min_count))
    again = counts[np.searchsorted(ids, known.ids)]
    return (
        Counted(np.concatenate([known.ids, ids[new]]), np.concatenate([again, counts[new]])),
        Counted(ids[rare], counts[rare]),
    )


def _writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, _SCHEMA, compression="zstd", compression_level=1)


def _write(writer: pq.ParquetWriter, number: int, counted: Counted, new: np.ndarray) -> None:
    names = np.full(len(new), number, np.int32)
    columns = [pa.DictionaryArray.from_arrays(numbers(names), strings(FIELD_NAMES))]
    columns += map(numbers, (counted.ids, new, counted.counts))
    writer.write_table(pa.table(columns, schema=_SCHEMA), row_group_size=_ROW_GROUP)
