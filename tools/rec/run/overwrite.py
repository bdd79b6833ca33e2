"""Whether a training would write over the checkpoints of another one.

PaddleRec writes over whatever epochs are in `runner.model_save_path`. Here the same command may be given again, but a
run whose weights would be others (another model, data, hyper-parameters, seed ...) must say `runner.overwrite=true`,
or save elsewhere. Of PaddleRec's own directories only those of another directory are protected.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rec.checkpoint.store import Store
from rec.config import yaml_io
from rec.config.config import Config
from rec.config.paths import is_remote
from rec.errors import UserError
from rec.run.start import checkpoint_folder, training_start

DECISIVE = {
    "train_batch_size", "seed", "shuffle", "shuffle_chunk", "drop_last", "label_policy", "model_init_path",
    "warm_start",
}  # fmt: skip
"""Runner settings that weights depend on, beside the data folder."""
_SHOWN, _LETTERS = 3, 60


def written_over(config: Config, native: bool) -> str | None:
    """What a training would write over, in one line with what to do; None where it may begin.

    Args:
        config: of the training.
        native: whether its model directory is of our kind.

    Raises:
        UserError: the config names a checkpoint to start from that is not there.
    """
    store, start = Store(config.runner.model_save_path), training_start(config)
    goes_on = start.resumes or (start.epoch and checkpoint_folder(start).resolve().parent == store.folder.resolve())
    if config.runner.overwrite or goes_on:
        return None
    newest = store.latest()
    if newest is None:
        foreign = sorted(path.parent.name for path in store.folder.glob("*/*.pdparams")) if native else []
        found = [f"epoch {foreign[0]} was not written by these tools"] if foreign else []
    else:
        found = _differences(_read(store.folder / newest.name / "config.yaml"), config, native)
    if not found:
        return None
    more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return (
        f"{store.folder}: holds checkpoints of another run ({'; '.join(found[:_SHOWN])}{more}): save elsewhere with "
        "runner.model_save_path, go on with runner.resume=true, or write over them with runner.overwrite=true"
    )


def refuse(config: Config, native: bool) -> None:
    """Raise UserError if a training would write over another's checkpoints; see `written_over`."""
    problem = written_over(config, native)
    if problem:
        raise UserError(problem)


def _read(path: Path) -> Mapping[str, Any]:
    """A checkpoint's config; an empty one where it cannot be read."""
    try:
        tree = yaml_io.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return tree if isinstance(tree, Mapping) else {}


def _differences(before: Mapping[str, Any], config: Config, native: bool) -> list[str]:
    """A line for each thing that makes two runs two. What only one version of these tools knows makes none."""
    now = yaml_io.parse(config.to_yaml())
    if not before:
        return ["their config.yaml cannot be read"]
    changed = [("model", before.get("model"), now["model"])]
    if native:
        changed.append(("runner.train_data_dir", *_both(before, now, "runner", "train_data_dir")))
    changed = [(name, old, new) for name, old, new in changed if not _same_place(old, new)]
    sections = {"runner": DECISIVE, "hyper_parameters": set(now["hyper_parameters"])} if native else {}
    for section, names in sections.items():
        for name in sorted(names & _section(before, section).keys()):
            changed.append((f"{section}.{name}", *_both(before, now, section, name)))
    if native:
        for name in sorted(_section(before, "data").keys() | _section(now, "data").keys()):
            changed.append((f"data.{name}", *_both(before, now, "data", name)))
    return [f"{name} was {_short(old)}, is {_short(new)}" for name, old, new in changed if old != new]


def _both(before: Mapping[str, Any], now: Mapping[str, Any], section: str, name: str) -> tuple[Any, Any]:
    return _section(before, section).get(name), _section(now, section).get(name)


def _section(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = tree.get(name)
    return section if isinstance(section, Mapping) else {}


def _same_place(before: Any, now: Any) -> bool:
    """Whether two places, or lists of them, are the same, or were before a folder was moved.

    Checkpoints of old say no model, and no whole path.
    """
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_same_place, before, now))
    if not isinstance(before, str) or not isinstance(now, str) or is_remote(before) or is_remote(now):
        return before in (None, now)
    if not Path(before).is_absolute():
        return True
    old, new = Path(before), Path(now)
    return old.resolve() == new.resolve() or (not old.exists() and old.name == new.name)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}..."
