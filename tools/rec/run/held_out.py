"""Rows that a share of the training folder holds out: whoever was trained on them must not be measured on them.

A share takes rows by their numbers, so another share, other files or other rows hold out others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rec.config.config import Config
from rec.console import log
from rec.data.fingerprint import fingerprint
from rec.errors import UserError
from rec.run.parts import asked_for, is_training_folder
from rec.run.reading import differences
from rec.run.start import Start

DATA = "the training data"
"""Of a checkpoint's facts, the fingerprint of the folder that it was trained on."""

_NUMBERING = ("data.files", "data.delimiter", "data.quoting", "data.newlines_in_values", DATA)
"""What the number of a row depends on."""


def check_tested(starts: Sequence[Start], config: Config) -> None:
    """Refuse to test checkpoints on a share of the training folder that they were trained on, in part or in whole.

    A folder all of whose rows were trained on may be evaluated, with a warning. Checkpoints from before this was kept,
    and PaddleRec's, say nothing.

    Raises:
        UserError: the share is larger than in training, or of other rows.
    """
    folder, share = config.runner.test_data_dir, _share(config.data, "test_share")
    known = [start for start in starts if _facts(start).get(DATA)]
    if not known or not folder:
        return
    said = asked_for(config.data, "test")
    if not said or not is_training_folder(config, folder):
        if any(_facts(start)[DATA] == fingerprint(config.places(folder), "test") for start in known):
            log.warning("%s: holds the rows that were trained on; on others results may be worse", folder)
        return
    for start in known:
        before = _facts(start)
        changed = _renumbered(before, config)
        if share > _share(before, "data.test_share"):
            changed += differences({"data.test_share": before.get("data.test_share")}, {"data.test_share": share})
        changed += differences({"data.test": before.get("data.test")}, {"data.test": _setting(config, "data.test")})
        if changed:
            raise UserError(
                f"{start.folder}: {said} would test it on rows that it was trained on: {'; '.join(changed)}. "
                "Set it as it was, name a folder of other rows with runner.test_data_dir, or train anew"
            )


def check_trained(start: Start, config: Config) -> None:
    """Refuse to hold out rows that the weights to start from were trained on.

    Raises:
        UserError: the training data are the same, and more of their rows are held out now.
    """
    before = _facts(start)
    if not before.get(DATA) or _renumbered(before, config):
        return  # other rows, of which nobody can tell
    names = ("data.test_share", "data.valid_share", "data.test", "data.valid")
    now = {name: _setting(config, name) for name in names}
    others = any(now[name] and now[name] != before.get(name) for name in ("data.test", "data.valid"))
    if others or _held_out(now) > _held_out(before):
        changed = differences({name: before.get(name) for name in names}, now)
        raise UserError(
            f"{start.folder}: was trained on rows that would be held out now: {'; '.join(changed)}. Hold out no more "
            "than it did, or train anew"
        )


def _facts(start: Start) -> Mapping[str, Any]:
    return start.manifest.training if start.manifest else {}


def _renumbered(before: Mapping[str, Any], config: Config) -> list[str]:
    """What has changed of all that a row's number depends on, a line each."""
    known = {name: before[name] for name in _NUMBERING if name in before}
    return differences(known, {name: _setting(config, name) for name in known})


def _setting(config: Config, name: str) -> Any:
    if name == DATA:
        return fingerprint(config.places(config.runner.train_data_dir))
    return (config.data or {}).get(name.removeprefix("data."))


def _share(values: Mapping[str, Any] | None, name: str) -> float:
    return float((values or {}).get(name) or 0)


def _held_out(values: Mapping[str, Any]) -> float:
    """The share of rows to test or validate on."""
    test, valid = (_share(values, f"data.{name}") for name in ("test_share", "valid_share"))
    return test + valid * (1 - test)
