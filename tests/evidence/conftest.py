"""Finished runs on a table with planted effects, trained once, and their reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import Commands
from support import ESMM

USEFUL, USELESS = ("user_id", "item_id"), ("shelf", "coupon")


def write_log(folder: Path, rows: int, items: int, first: int, seed: int) -> None:
    """A table whose clicks depend on user and item, conversions on the item, and nothing on shelf and coupon."""
    world, random = np.random.default_rng(7), np.random.default_rng(seed)
    of_user, of_item, buys = world.normal(0, 1, 40), world.normal(0, 1, 200), world.normal(0, 1, 200)
    user, item = random.integers(0, 40, rows), first + random.integers(0, items, rows)
    click = random.random(rows) < 1 / (1 + np.exp(1 - of_user[user] - of_item[item]))
    buy = click & (random.random(rows) < 1 / (1 + np.exp(0.5 - buys[item])))
    columns = {
        "user_id": user, "item_id": item, "shelf": random.integers(0, 4, rows), "coupon": random.integers(0, 60, rows),
        "hour": random.integers(0, 3, rows), "click": click.astype(int), "buy": buy.astype(int),
    }  # fmt: skip
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "log.parquet")


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` of items 0 to 59, `test` of 10 to 69: ten are new."""
    folder = tmp_path_factory.mktemp("log")
    write_log(folder / "train", 8000, 60, 0, seed=1)
    write_log(folder / "test", 3000, 60, 10, seed=2)
    return folder


def settings(log: Path, save: Path) -> list[str]:
    """The command line of ESMM on it."""
    given = {
        "runner.train_data_dir": log / "train",
        "runner.test_data_dir": log / "test",
        "runner.train_reader_path": "table_reader",
        "runner.infer_reader_path": "table_reader",
        "runner.epochs": 2,
        "runner.model_save_path": save,
        "data.labels": "{click: click, conversion: buy}",
        "data.fields": "{user_id: , item_id: , shelf: , coupon: , hour: }",
        "hyper_parameters.sparse_feature_number": "null",
        "hyper_parameters.optimizer.learning_rate": 0.01,
    }
    return ["-m", str(ESMM / "config.yaml"), "-o", *(f"{key}={value}" for key, value in given.items())]


@pytest.fixture(scope="session")
def finished(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints, evaluated with segments."""
    folder = tmp_path_factory.mktemp("finished")
    run = Commands()
    try:
        for name, more in (("trainer", ()), ("infer", ("runner.metrics=[auc, gauc]", "runner.segments=[hour]"))):
            outcome = run(folder, name, *settings(log, folder / "output"), "runner.gradient_cosines=true", *more)
            assert outcome.code == 0, outcome.err
    finally:
        run.close()
    return folder / "output"
