"""Taking a sample of the rows that a reader delivers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from rec.data.batch import batch_length
from rec.data.plan import ReadPlan
from rec.data.reader import Part, Reader
from rec.data.rows import RowReader
from rec.doctor.sample import ArrayRows, NativeRows, Sample
from rec.doctor.subject import Subject
from rec.errors import UserError
from rec.loading import where

LIMIT, SECONDS, BATCH = 100_000, 10.0, 1024
"""A sample ends at so many impressions or seconds of reading, whichever comes first."""


def take(subject: Subject, part: Part, reader: Any) -> Sample:
    """All rows of a part's reader, or the first and then random ones where there are more than LIMIT.

    An iterable PaddleRec reader cannot be asked for random rows: of those the first are taken.

    Raises:
        UserError: what the reader stopped at.
    """
    total = _length(reader)
    gather = NativeRows(subject, part, total) if subject.native else ArrayRows(part, total)
    begun, taken = time.monotonic(), 0
    for batch in _batches(subject, reader, total is not None and total > LIMIT):
        gather.add(batch)
        taken += batch_length(batch)
        if taken >= LIMIT or time.monotonic() - begun > SECONDS:
            break
    if not taken:
        raise UserError(f"the reader of the {part} data yields nothing")
    return gather.done()


def _batches(subject: Subject, reader: Any, random: bool) -> Iterator[Any]:
    plan = ReadPlan(BATCH, training=False, seed=subject.config.runner.seed)
    shuffled = ReadPlan(BATCH, training=False, seed=plan.seed, shuffle=True)
    try:
        if random:  # the first rows are only read: counted again by chance they would look like duplicates
            next(iter(reader.batches(plan)), None)
        yield from reader.batches(shuffled if random else plan)
    except (UserError, GeneratorExit):
        raise
    except Exception as error:
        raise UserError(f"the reader failed: {where(error, subject.config.model_dir)}") from error


def _length(reader: Reader | RowReader) -> int | None:
    return len(reader) if isinstance(reader, Reader) else reader.num_row()
