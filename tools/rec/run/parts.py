"""Which rows are validated and tested on: a folder of their own, or a share of the training folder's rows.

Either switches it on. A share without a folder means the training folder; other combinations would leave rows out of
training for nothing, or measure on rows that were trained on, and are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from rec.config.config import Config
from rec.data.prepared_table import is_prepared

_PARTS = {"valid": "valid_data_dir", "test": "test_data_dir"}


def with_shares(config: Config) -> Config:
    """The config, with the training folder wherever a share of it is asked for and no folder is named."""
    runner = config.runner.model_dump()
    folders = {name: runner["train_data_dir"] for part, name in _PARTS.items() if asked_for(config.data, part)}
    missing = {name: folder for name, folder in folders.items() if not runner[name]}
    return config.merged({"runner": missing}) if missing else config


def mixed_parts(config: Config) -> list[str]:
    """A line for each part of the data of a training that is half of a choice."""
    runner, problems = config.runner.model_dump(), []
    if any(is_prepared(place) for place in config.places(runner["train_data_dir"])):
        return []  # a prepared table knows its parts
    for part, name in _PARTS.items():
        said = asked_for(config.data, part)
        if runner[name] and said and not is_training_folder(config, runner[name]):
            problems.append(
                f"{said} sets rows of runner.train_data_dir aside, but runner.{name} is another folder: "
                "leave one of the two out"
            )
    folder = runner["valid_data_dir"]
    if folder and is_training_folder(config, folder) and not asked_for(config.data, "valid"):
        what = "set data.valid, which sets rows aside" if config.describes_table else "name a folder of other rows"
        problems.append(f"runner.valid_data_dir is runner.train_data_dir, whose rows are all trained on: {what}")
    return problems


def is_training_folder(config: Config, folder: str | list[str]) -> bool:
    """Whether a part's data are those that are trained on."""
    given, train = (
        [os.path.realpath(place) for place in config.places(each)] for each in (folder, config.runner.train_data_dir)
    )
    return given == train


def asked_for(data: Any, part: str) -> str | None:
    """The setting that sets rows of the training folder aside for a part; what is wrong with it is said elsewhere."""
    if not isinstance(data, Mapping):
        return None
    return next((f"data.{name}" for name in (part, f"{part}_share") if data.get(name)), None)
