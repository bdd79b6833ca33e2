"""Which items training has seen, of data whose ids do not tell."""

from __future__ import annotations

from rec.config.metrics import Column
from rec.console import Bar, log
from rec.data.by import by_of
from rec.errors import UserError
from rec.evidence.columns import texts
from rec.evidence.opened import Opened


def seen_in_training(opened: Opened) -> frozenset[str] | None:
    """The items of the training rows, which are read once more; None where a column tells, or they are not there."""
    columns, run = opened.columns, opened.run
    if columns.item is None or columns.is_new is not None or run.config.describes_table:
        return None
    found: set[str] = set()
    try:
        reader = run.open_reader("train")
        with Bar("items of the training rows", run.length(reader)) as bar:
            for batch in run.batches(reader, run.plan(0, 0, training=False)):
                values = texts(by_of(batch, [Column(columns.item, "value")], None), columns.item)
                found.update(values.unique().to_pylist())
                bar.advance(len(batch))
    except UserError as error:
        log.warning("%s; so nobody knows which items are new", error)
        return None
    return frozenset(found)
