"""A checkpoint of the day before, in the rows of a vocabulary that has grown since.

Ids of a field are those of its values in their order, one field's after another's, so that a new value shifts those
behind it. Rows are therefore moved once, when a day begins: each value keeps its vector and its optimizer's state, and
what no value of the day before has is new. Prepared Ali-CCP whose ids go on from those of a checkpoint
(`prepare.py --extend`) says itself what has become of these.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rec.checkpoint.files import load
from rec.checkpoint.state import State
from rec.config.config import Config
from rec.config.hyper import DIMS
from rec.console import log
from rec.data.prepared_schema import Grown
from rec.data.reader import Reader
from rec.data.table_rows import rows_of
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.numeric import Array
from rec.run.start import Start, checkpoint_folder
from rec.table.split import named
from rec.table.table import WEIGHT, Table


def state_of(start: Start, table: Table | None, reader: Any, config: Config, training: bool = True) -> State:
    """The state of a checkpoint, in the rows that the reader's ids have.

    Args:
        start: the checkpoint.
        table: with the initial weights of all rows, which new ones keep; None: a PaddleRec model has none.
        training: whether new rows will be trained; those of prepared data have the vector of unknown values else.

    Raises:
        UserError: the checkpoint is missing, damaged, or of another table than its vocabulary.
    """
    folder = checkpoint_folder(start)
    state = load(folder, start.what, divided=table is not None and table.divided)
    grown = grown_since(start, reader)
    if grown is not None and table is not None:
        _move_prepared(state, grown, table, training, folder)
        return state
    if not start.grows:
        return state
    before = start.vocabulary
    if before is None or table is None:
        raise UserError(f"{folder}: has no vocabulary, and data.grow_vocabulary none to grow: leave it out")
    places = moves(before, reader.vocabulary)
    parts = rows_of(before, config.hyper_parameters.get(DIMS) or {}, (), {}).parts()
    ranges = {width: (first, end) for first, end, width in parts}
    for first, end, width in reader.rows.parts():
        within = (places[1] >= first) & (places[1] < end)
        old_first, old_end = ranges.get(width, (0, 0))
        old, new = places[0][within] - old_first, places[1][within] - first
        for found, initial in ((state.weights, table.weights()), (state.optimizer, table.optimizer_state())):
            for name in (name for name in initial if name.split("/")[0] == named(WEIGHT, width) and name in found):
                if found[name].shape != (old_end - old_first, *initial[name].shape[1:]):
                    raise UserError(f"{folder}: {name} has another shape than its vocabulary and this model have")
                moved = np.array(initial[name])
                moved[new] = found[name][old]
                found[name] = moved
    return state


def grown_since(start: Start, reader: Any) -> Grown | None:
    """What prepared data say of the ids of a checkpoint that they go on from; None: nothing."""
    if start.manifest is None or start.resumes or not isinstance(reader, Reader):
        return None
    return reader.grown_since(start.manifest.reading)


def _move_prepared(state: State, grown: Grown, table: Table, training: bool, folder: Path) -> None:
    """Put the rows of known ids where they are now."""
    for found, initial in ((state.weights, table.weights()), (state.optimizer, table.optimizer_state())):
        for name in (name for name in initial if name in found):
            if len(found[name]) < grown.num_id or found[name].shape[1:] != initial[name].shape[1:]:
                raise UserError(f"{folder}: {name} has another shape than its data and this model have")
            moved = np.array(initial[name])
            moved[grown.new] = found[name][grown.old]
            if not training:
                moved[grown.fresh] = found[name][grown.unknown]
            found[name] = moved
    log.info(
        "%s: %s ids of %s; %s are new%s", folder, f"{len(grown.old):,}", "the data that these go on from",
        f"{len(grown.fresh):,}", "" if training else ", and unknown to it",
    )  # fmt: skip


def moves(before: Vocabulary, now: Vocabulary) -> tuple[Array, Array]:
    """The ids, int64 [n] each, that values and unknown ones had, and those that they have now."""
    old, new = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for name, values in now.values.items():
        first, count = before.offset(name), now.size(name)
        if values is None:
            ids = first + np.arange(count)
        elif count:
            ids = np.concatenate([[first], before.ids_of(name, values)])
        else:
            continue  # it has the ids of another field
        kept = np.arange(count)[(ids > first) | (np.arange(count) == 0)]
        old.append(ids[kept].astype(np.int64))
        new.append(now.offset(name) + kept)
    return np.concatenate(old), np.concatenate(new)
