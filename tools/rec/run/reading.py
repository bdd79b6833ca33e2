"""What a checkpoint was trained to read, against what is read now: a difference would change the meaning of ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.config.config import Config
from rec.console import log
from rec.data.columnar import PREPARED
from rec.data.reader import Part, Reader
from rec.errors import UserError
from rec.run.start import Start

_LABELS = ("data.labels.", "data.numbers.")


def check_reading(start: Start, reader: Any) -> None:
    """Compare a checkpoint with the reader of the data that its weights are used on.

    Checkpoints from before this was kept, and PaddleRec's, say nothing.

    Raises:
        UserError: ids would mean something else, naming each setting.
    """
    if start.manifest is None or not start.manifest.reading or not isinstance(reader, Reader):
        return
    before, now = start.manifest.reading, reader.reading()
    if not start.resumes and reader.grown_since(before) is not None:
        before, now = ({**side, PREPARED: None} for side in (before, now))
    more = [name for name in now if name.startswith(_LABELS) and name not in before]  # of it nothing was trained
    changed = differences(before, {name: value for name, value in now.items() if name not in more})
    for line in (line for line in changed if line.startswith(_LABELS)):
        log.warning("%s: trained on another label column: %s", start.folder, line)
    wrong = [line for line in changed if not line.startswith(_LABELS)]
    if wrong:
        raise UserError(
            f"{start.folder}: was trained on data read otherwise: {'; '.join(wrong)}. Set it as it was, or train anew"
        )


def check_same_ids(reader: Any, run: Any, config: Config, part: Part) -> None:
    """Compare a reader of one part of prepared data with that of a run: each day's ids are its own.

    Raises:
        UserError: the ids of the two are of different preparations.
    """
    if not isinstance(reader, Reader) or not isinstance(run, Reader):
        return
    ids, own = (each.reading().get(PREPARED) for each in (reader, run))
    if None not in (ids, own) and ids != own:
        name = f"{part}_data_dir"
        raise UserError(
            f"runner.{name}: {config.runner.model_dump()[name]}: its ids are not those of "
            f"runner.{run.part}_data_dir: name the part of the same preparation, or none (runner.{name}=null)"
        )


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A line for each setting that differs; what only one side knows is None on the other.

    Of two sections with the same keys each key that differs.
    """
    lines = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping) and old.keys() == new.keys():
            lines += differences(*({f"{name}.{key}": value for key, value in side.items()} for side in (old, new)))
        elif old != new:
            lines.append(f"{name} was {old!r}, is {new!r}")
    return lines
