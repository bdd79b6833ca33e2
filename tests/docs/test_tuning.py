"""docs/tuning.md is right: its walk-through runs as it stands there, and its section is one."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pages import blocks, page
from rec.checkpoint.store import Store
from rec.config import yaml_io
from rec.config.config import load
from rec.config.tune import read
from rec.tune.check import DATA, GRAPH
from support import ROOT

ABOVE, WALK = page("tuning.md").split("## A walk-through\n")
pytestmark = pytest.mark.timeout(900)  # fifteen trainings


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which it was walked, which has what the repository's has."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("tools", "models", "datasets"):
        (folder / name).symlink_to(ROOT / name)
    python = Path(sys.executable).parent
    for block in blocks(WALK):
        if block.language == "yaml":
            (name,) = re.findall(r"`(search/[\w.]+)`", block.before)
            (folder / name).write_text(block.content)
            continue
        done = subprocess.run(
            ["sh", "-ec", block.content], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{python}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


def test_it_leaves_what_the_page_says(walk):
    study = walk / "search" / "study"
    said = re.findall(r"^        (\w[\w.]*)", ABOVE, re.MULTILINE)
    assert said == ["best.yaml", "trials.csv", "importance.csv", "trials.png", "study.db", "trials"]
    assert all((study / name).exists() for name in said)
    with (study / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert sum(row["state"] == "complete" for row in rows) >= 5


def test_the_trials_are_those_of_the_page(walk):
    """The first five are drawn at random and trained to their end, whatever the processor."""
    with (walk / "search" / "study" / "trials.csv").open() as file:
        rows = list(csv.DictReader(file))
    given = re.findall(r"^\| (\d) \| complete \| ([\d.]+) \| \d \| (\S+) \| (\[.*?\]) \| (\d+) \|$", WALK, re.MULTILINE)
    assert len(given) == 5
    for number, objective, rate, sizes, count in given:
        row = rows[int(number)]
        assert float(row["auc_ctcvr"]) == pytest.approx(float(objective), abs=0.02)
        assert float(row["hyper_parameters.optimizer.learning_rate"]) == pytest.approx(float(rate), rel=1e-3)
        assert (row["hyper_parameters.tower_fc_sizes"], row["data.min_count"]) == (sizes, count)


def test_its_last_training_is_the_best_one_but_for_the_learning_rate(walk):
    best = load(walk / "search" / "study" / "best.yaml")
    newest = Store(walk / "search" / "tuned").latest()
    assert newest is not None
    trained = load(walk / "search" / "tuned" / newest.name / "config.yaml")
    assert trained["hyper_parameters.optimizer.learning_rate"] == 0.001
    for name in ("data.min_count", "hyper_parameters.tower_fc_sizes"):
        assert trained[name] == best[name]


def test_the_section_on_it_is_one():
    (block,) = blocks(ABOVE)
    tune, problems = read(yaml_io.parse(block.content))
    assert problems == []
    assert tune is not None
    assert tune.budget.trials == 30


def test_what_can_be_searched_is_what_it_says():
    (said,) = re.findall(r"^What can be searched: (.*?)What would", ABOVE, re.MULTILINE | re.DOTALL)
    assert {*DATA, *GRAPH} <= set(re.findall(r"`(\w+)`", said))
