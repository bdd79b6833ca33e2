"""Which rows are validated and tested on: a folder of their own, or a share of the training folder's rows.

Either switches it on. A share without a folder means the training folder; other combinations would leave rows out of
training for nothing, or measure on rows that were trained on, and are refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from rec.config.config import Config

_PARTS = {"valid_share": "valid_data_dir", "test_share": "test_data_dir"}


def with_shares(config: Config) -> Config:
    """The config, with the training folder wherever a share of it is asked for and no folder is named."""
    runner = config.runner.model_dump()
    folders = {name: runner["train_data_dir"] for share, name in _PARTS.items() if _share(config, share)}
    missing = {name: folder for name, folder in folders.items() if not runner[name]}
    return config.merged({"runner": missing}) if missing else config


def mixed_parts(config: Config) -> list[str]:
    """A line for each part of the data of a training that is half of a choice."""
    runner, problems = config.runner.model_dump(), []
    for share, name in _PARTS.items():
        if runner[name] and _share(config, share) and not is_training_folder(config, runner[name]):
            problems.append(
                f"data.{share} sets rows of runner.train_data_dir aside, but runner.{name} is another folder: "
                "leave one of the two out"
            )
    folder = runner["valid_data_dir"]
    if folder and is_training_folder(config, folder) and not _share(config, "valid_share"):
        what = "set data.valid_share, which sets rows aside" if config.data else "name a folder of other rows"
        problems.append(f"runner.valid_data_dir is runner.train_data_dir, whose rows are all trained on: {what}")
    return problems


def is_training_folder(config: Config, folder: str) -> bool:
    """Whether a data folder of the config is the one that is trained on."""
    train = config.resolve(config.runner.train_data_dir)
    return os.path.realpath(config.resolve(folder)) == os.path.realpath(train)


def _share(config: Config, name: str) -> bool:
    """Whether a share is asked for; what is wrong with the data section is said elsewhere."""
    return isinstance(config.data, Mapping) and bool(config.data.get(name))
