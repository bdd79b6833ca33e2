"""docs/features.md is right: each config on it trains a step on a log that has the columns, and its tables hold."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

import simulate_table
from pages import blocks, page
from rec.config.bind import parameters
from rec.config.config import load
from rec.data.field_settings import FieldColumn
from rec.run.model import network_of
from shipped import MODELS
from support import ROOT, Tool

PAGE = page("features.md")
CONFIGS = [block.content for block in blocks(PAGE)]
BASE = f"""\
base: {MODELS}/multitask/esmm_din/config.yaml
runner: {{train_data_dir: log.parquet, test_data_dir: log.parquet, model_save_path: out}}
data:
  test: {{share: 0.2}}
  labels: {{click: click, conversion: conversion}}
  fields: {{user_id: , item_id: , age: {{numeric: standardize}}, history: {{separator: "|", shares: item_id}}}}
hyper_parameters: {{interaction: none}}
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """A simulated log of 2,000 rows, and two columns that only the page has."""
    folder = tmp_path_factory.mktemp("raw") / "log"
    simulate_table.main([str(folder), "--impressions", "2000", "--test-impressions", "100", "--click-rate", "0.3"])
    table = pq.read_table(folder / "train.parquet")
    weights = ["|".join("0.5" for _ in text.split("|")) if text else "" for text in table["history"].to_pylist()]
    return table.append_column("dwell", [weights]).append_column("weekday", pc.day_of_week(table["ts"]))


def vectors(log: pa.Table, folder: Path) -> None:
    """The files of vectors that the page has: of most items, and of shops whose values are numbers."""
    items = log["item_id"].unique().to_pylist()[:20]
    pq.write_table(pa.table({"value": items, "vector": np.ones((len(items), 8)).tolist()}), folder / "items.parquet")
    np.save(folder / "shops.npy", np.ones((5, 3)))


@pytest.fixture
def folder(log: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the log, a config that reads some of it, and what the page calls `../models`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "shop").mkdir()
    pq.write_table(log, tmp_path / "shop" / "log.parquet")
    (tmp_path / "shop" / "base.yaml").write_text(BASE)
    vectors(log, tmp_path / "shop")
    return tmp_path / "shop"


@pytest.mark.parametrize("content", CONFIGS)
def test_each_config_trains(content, folder, tool: Tool):
    """What names no base stands over one that reads the log; what does is given the log."""
    own = yaml.safe_load(content)
    labels = own.get("data", {}).get("labels")
    more = []
    if "base" in own:
        more = ["runner.train_data_dir=log.parquet", "runner.test_data_dir=log.parquet", "data.test={share: 0.2}"]
        more += ["data.fields={user_id: , item_id: , price: {numeric: log1p}}"]
        more += [] if labels else ["data.labels={click: click, conversion: conversion}"]
        (folder / "mine.yaml").write_text(content)
    else:
        (folder / "mine.yaml").write_text(f"base: base.yaml\n{content}")
    outcome = tool("trainer", "--dry-run", "-m", folder / "mine.yaml", *(["-o", *more] if more else []))
    assert outcome.code == 0, outcome.err
    fields = own.get("data", {}).get("fields") or {}
    for name in fields:
        assert re.search(rf"^ {{4}}{name}:", outcome.out, re.MULTILINE), outcome.out


def cells(heading: str) -> list[list[str]]:
    """The rows of the first table behind a text, without its head."""
    table = re.search(r"(?:^\|.*\|\n)+", PAGE[PAGE.index(heading) :], re.MULTILINE)
    assert table
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table[0].splitlines()]
    return [[cell.replace("\\|", "|") for cell in row] for row in rows[2:]]


def test_the_fields_of_the_first_table_are_some():
    rows = cells("# Features")
    assert len(rows) == 7
    for _, field, _ in rows:
        ((_, settings),) = yaml.safe_load(field.strip("`")).items()
        FieldColumn(**(settings or {}))


@pytest.mark.parametrize("given", [row[0].strip("`") for row in cells("`interaction` says what becomes")])
@pytest.mark.parametrize("embedding", [row[0].split("`")[1] for row in cells("| `number_embedding` |")])
def test_each_interaction_and_embedding_of_the_tables_trains(given, embedding, folder, tool: Tool):
    more = [f"hyper_parameters.interaction={given}", f"hyper_parameters.number_embedding={embedding}"]
    outcome = tool("trainer", "--dry-run", "-m", folder / "base.yaml", "-o", *more)
    assert outcome.code == 0, outcome.err


def test_the_directories_that_need_to_be_named_are_those_with_a_network():
    (named,) = re.findall(r"Directories that have a `net\.py` \((.*?)\)", PAGE)
    assert re.findall(r"`(\w+)`", named) == sorted(path.parent.name for path in MODELS.glob("*/*/net.py"))


def test_every_network_sees_numbers_and_all_but_esmm_s_an_interaction():
    networks = {path.parent.name: network_of(load(path, []).model_dir) for path in MODELS.glob("*/*/config.yaml")}
    assert {name for name, network in networks.items() if "num_number" not in parameters(network)} == set()
    assert {name for name, network in networks.items() if "interaction" not in parameters(network)} == {"esmm"}
