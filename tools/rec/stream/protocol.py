"""All methods and seeds of a stream, one after the other, and what they came to."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rec.checkpoint.arrays import sync
from rec.checkpoint.lock import only_writer
from rec.checkpoint.manifest import plain
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.config.stream import StreamName, StreamSettings
from rec.config.without_effect import warn_of
from rec.console import log
from rec.data.fingerprint import fingerprint
from rec.errors import UserError
from rec.loop.rates import schedules
from rec.nn.delay.network import DelayedConversion
from rec.run.assembly import open_directory
from rec.run.model import Mode
from rec.run.native import NativeDirectory
from rec.run.reading import differences
from rec.stream.log import NEVER
from rec.stream.reader import StreamReader
from rec.stream.record import Hour, Record
from rec.stream.report import print_summary, summary, write
from rec.stream.walk import Walk

_FACTS = "stream.json"
_RUNNER = ("train_batch_size", "epochs")
_MAY_CHANGE = {"methods", "seeds", "save_hours"}
_WITHOUT_EFFECT = (
    "early_stop", "valid_steps", "calibration", "save_steps", "keep_last", "warm_start", "model_init_path", "overwrite",
    "replay", "test_data_dir", "valid_data_dir", "gradient_cosines", "use_visual", "use_out_vec", "num_workers",
    "best_metric", "metrics", "segments", "predict_save_path", "drop_last",
)  # fmt: skip


def stream(config: Config, settings: StreamSettings, mode: Mode) -> None:
    """Run every method with every seed; what is done is not done again.

    Raises:
        UserError: settings that mean nothing to a stream, data or settings that have changed since it began, or what
            reading and training raise.
    """
    directory = _checked(config, mode)
    places = config.places(config.runner.train_data_dir)
    folder = Path(config.runner.model_save_path)
    Store(folder).check_writable()
    with only_writer(folder):
        facts = _facts(directory.config, settings, mode, fingerprint(places))
        _check_same(folder / _FACTS, facts)
        reader = read_clicks(directory.config, settings)
        walk = Walk(config, settings, mode, reader)
        _note(folder / _FACTS, facts)
        log.info(
            "%d clicks (%d rows without one), %d conversions; tested on %d hours", len(reader.log), reader.unclicked,
            int((reader.log.conversion != NEVER).sum()), walk.hours.last - walk.hours.first,
        )  # fmt: skip
        runs: dict[tuple[StreamName, int], list[Hour]] = {}
        for seed in settings.seeds or [config.runner.seed]:
            for name in settings.methods:
                begun, done = time.perf_counter(), walk.done(name, seed)
                if not done:
                    walk.run(name, seed)
                    log.info("%s, seed %d: %.1f s", name, seed, time.perf_counter() - begun)
                runs[name, seed] = Record(walk.folder(name, seed)).read()
        found = summary(runs)
        write(folder, runs, found)
    print_summary(found)
    log.info("%s, hours.csv: %s", "summary.json", folder.resolve())


def read_clicks(config: Config, settings: StreamSettings) -> StreamReader:
    """The clicks of `runner.train_data_dir`; `config` is the directory's.

    Raises:
        UserError: see `StreamReader`.
    """
    places = config.places(config.runner.train_data_dir)
    return StreamReader(StreamReader.files(config, places), config, settings)


def _checked(config: Config, mode: Mode) -> NativeDirectory:
    """The model directory, if it is one for streams and nothing is wrong with its settings."""
    directory = open_directory(config, mode)
    if not isinstance(directory, NativeDirectory) or not issubclass(directory.network, DelayedConversion):
        raise UserError(
            f"{config.model_dir}: has no network for late conversions: set model to models/multitask/delayed"
        )
    problems = [*directory.problems, *directory.missing(training=True)]
    problems += [
        f"hyper_parameters.{name}.learning_rate is a schedule, and a stream has no end: give it a number"
        for name in schedules(directory.config)
    ]
    if directory.config.get("hyper_parameters.method", "plain") != "plain":
        problems.append("hyper_parameters.method means nothing here: stream.methods says what is trained: leave it out")
    directory.config.check(problems)
    directory.warn()
    warn_of(_WITHOUT_EFFECT, config.path, config.runner.model_dump(), "in a stream")
    return directory


def _facts(config: Config, settings: StreamSettings, mode: Mode, data: str) -> dict[str, Any]:
    """What all runs of a folder have in common."""
    runner = config.runner.model_dump()
    found = {f"runner.{name}": runner[name] for name in _RUNNER}
    found |= {f"hyper_parameters.{name}": value for name, value in config.hyper_parameters.items()}
    found |= {f"data.{name}": value for name, value in (config.data or {}).items()}
    found |= {f"stream.{name}": value for name, value in settings.model_dump().items() if name not in _MAY_CHANGE}
    return plain({**found, "graph mode": mode, "runner.train_data_dir": data})


def _check_same(path: Path, facts: Mapping[str, Any]) -> None:
    """Raise UserError if a folder holds runs of other settings or data."""
    if not path.is_file():
        return
    try:
        changed = differences(json.loads(path.read_text(encoding="utf-8")), facts)
    except ValueError:
        raise UserError(f"{path}: is damaged: begin anew in another runner.model_save_path") from None
    if changed:
        raise UserError(
            f"{path.parent}: holds runs of another stream ({'; '.join(changed[:3])}): save elsewhere with "
            "runner.model_save_path, or set it as it was"
        )


def _note(path: Path, facts: Mapping[str, Any]) -> None:
    """Write down what all runs of a folder have in common."""
    temporary = path.with_name(f".saving-{_FACTS}")
    try:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
