"""The YAMLs that ship, found by glob, and small data for those that want data of the user's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from rec.config.config import load
from support import ROOT

MODELS = ROOT / "models"
DIRECTORIES = sorted(path.parent for path in MODELS.glob("**/config.yaml"))
CONFIGS = [path for directory in DIRECTORIES for path in sorted(directory.glob("*.yaml"))]
SAMPLE = MODELS / "multitask" / "data" / "behaviours"
"""Bundled impressions, prepared, with all the labels that `simulate.py --behaviours` has."""
LINES = MODELS / "multitask" / "esmm" / "data"
"""Bundled impressions as lines of text."""


def name(path: Path) -> str:
    """A directory's or YAML's name in a test's."""
    return str(path.relative_to(MODELS)).removeprefix("multitask/")


def settings(config: Path, folder: Path) -> list[str]:
    """Overrides under which a YAML runs in seconds: one epoch, of bundled data or of small data written to `folder`."""
    return [f"{key}={value}" for key, value in _settings(config, folder)]


def _settings(config: Path, folder: Path) -> Iterator[tuple[str, Any]]:
    loaded = load(config)
    yield "runner.epochs", 1
    yield "runner.infer_end_epoch", 1
    yield "runner.print_interval", 20
    data = loaded.resolve(loaded.runner.train_data_dir or "").resolve()
    if data.is_relative_to(MODELS):
        return
    yield "runner.train_batch_size", 128
    if loaded.data:
        train = test = _write_table(folder / "table", loaded.data)
    elif "prepared" in data.parts[-2]:
        train, test = _write_sample(folder / "sample")
    else:
        train, test = LINES / "train", LINES / "test"
    yield "runner.train_data_dir", train
    yield "runner.test_data_dir", test
    if loaded.runner.valid_data_dir:
        yield "runner.valid_data_dir", test


def _write_sample(folder: Path) -> tuple[Path, Path]:
    """The first impressions of the bundled sample, for training and for testing."""
    for part, rows in (("train", 1500), ("test", 3000)):
        (folder / part).mkdir(parents=True)
        for source in (SAMPLE / part).glob("*.parquet"):
            table = pq.read_table(source)
            kept = table.slice(0, rows) if source.name.startswith("exposures") else table
            pq.write_table(kept, folder / part / source.name, row_group_size=1 << 20)
    shutil.copy(SAMPLE / "schema.json", folder)
    return folder / "train", folder / "test"


def _write_table(folder: Path, section: dict[str, Any], rows: int = 2000) -> Path:
    """A table as a `data` section describes it: what follows the first label happens only where that did."""
    random = np.random.default_rng(0)
    fields = {key: value or {} for key, value in section["fields"].items()}
    columns: dict[str, Any] = {}
    for key, field in fields.items():
        tokens = random.exponential(100, rows).astype(int) if "buckets" in field else random.integers(0, 40, rows)
        columns[field.get("column", key)] = tokens
    signal = sum(np.sin(values) for values in columns.values()) / len(columns)
    first: Any = 1
    for column in section["labels"].values():
        columns[column] = first * (random.random(rows) < 1 / (1 + np.exp(-signal)))
        first = columns[column] if isinstance(first, int) else first
    for column in section.get("numbers", {}).values():
        columns[column] = random.exponential(10, rows).round(2)
    delimiter = section.get("delimiter", ",")
    lines = [columns, *zip(*(values.tolist() for values in columns.values()), strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / section.get("files", "*.csv").replace("*", "0")
    file.write_text("".join(delimiter.join(map(str, line)) + "\n" for line in lines))
    return folder
