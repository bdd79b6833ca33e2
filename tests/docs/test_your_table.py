"""docs/your-table.md is right: its walk-through runs as it stands there, and every config on it is one."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import yaml

from pages import Block, blocks, page
from rec.config.config import load
from rec.data.table_settings import read_settings
from rec.metrics.auc import auc
from rec.run.parts import mixed_parts, with_shares
from support import ROOT, Outcome, Tool

ABOVE, WALK = page("your-table.md").split("## A walk-through\n")
CONFIGS = [block for block in blocks(ABOVE) if block.language == "yaml"]
ROWS, TESTED = 60_000, 12_000


@dataclass(frozen=True)
class Walk:
    """A folder in which the walk-through was walked.

    Attributes:
        folder: the repository's, as the commands see it.
        outcomes: of each command, by what it runs, such as `tools/trainer.py`.
    """

    folder: Path
    outcomes: dict[str, list[Outcome]]


def named(block: Block) -> str:
    """The file that a block is to be written to: the one named last before it."""
    return re.findall(r"`(shop/[\w.]+)`", block.before)[-1]


def run(block: Block, folder: Path) -> list[tuple[str, Outcome]]:
    """Each command of a block and how it ended, as a shell runs it."""
    python = Path(sys.executable).parent
    found = []
    for command in block.content.replace("\\\n", "").splitlines():
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{python}{os.pathsep}{os.environ['PATH']}"},
        )  # fmt: skip
        name = re.search(r"[\w/-]+\.py", command)
        found.append((name[0] if name else command, Outcome(done.returncode, done.stdout, done.stderr)))
    return found


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The walk-through, walked once, in a folder that has what the repository's has."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("tools", "models", "datasets"):
        (folder / name).symlink_to(ROOT / name)
    outcomes: dict[str, list[Outcome]] = {}
    for block in blocks(WALK):
        if block.language == "sh":
            for name, outcome in run(block, folder):
                outcomes.setdefault(name, []).append(outcome)
        else:
            (folder / named(block)).write_text(block.content)
    return Walk(folder, outcomes)


def test_each_command_ends_well(walk):
    assert {name: [outcome.code for outcome in each] for name, each in walk.outcomes.items()} == {
        "mkdir -p shop": [0],
        "datasets/ali-ccp/simulate_table.py": [0],
        "shop/days.py": [0],
        "tools/doctor.py": [0],
        "tools/trainer.py": [0],
        "tools/infer.py": [0, 0],
        "tools/static_trainer.py": [0],
        "tools/to_static.py": [0],
        "tools/paddle_infer.py": [0],
    }


def test_the_days_are_what_they_should_be(walk):
    (trained,) = walk.outcomes["tools/trainer.py"]
    assert "shop/log: 60,000 rows (14 files of 3,690 to 12,000), 44,310 for training\n" in trained.err
    assert "shop/log: 60,000 rows (14 files of 3,690 to 12,000), 3,690 for validation\n" in trained.err
    assert "WARNING" not in trained.err


def test_the_doctor_finds_nothing(walk):
    (outcome,) = walk.outcomes["tools/doctor.py"]
    assert re.search(r"^0 wrong, 0 warn, ", outcome.out, re.MULTILINE)
    findings = json.loads((walk.folder / "doctor.json").read_text())["findings"]
    (values,) = (each for each in findings if each["check"] == "test values")
    assert 0.08 < values["values"]["user_id"] < 0.12
    assert 0.08 < values["values"]["item_id"] < 0.12


def test_the_last_day_is_predicted(walk):
    """A row for each of its impressions, in order, and figures as the page gives them."""
    predicted = pq.read_table(walk.folder / "shop/predictions.parquet")
    assert predicted.column_names == ["sample_id", "request_id", "click", "conversion", "pctr", "pctcvr", "pcvr"]
    last = pq.read_table(walk.folder / "shop/raw/test.parquet")
    assert predicted.num_rows == TESTED
    assert predicted["sample_id"].to_pylist() == list(range(ROWS - TESTED, ROWS))
    assert predicted["request_id"].to_pylist() == [str(each) for each in last["request_id"].to_pylist()]  # it is CSV
    for name in ("click", "conversion"):
        assert predicted[name].to_pylist() == last[name].to_pylist()
    rows = {"CTR": slice(None), "CTCVR": slice(None), "CVR": last["click"].to_numpy() == 1}
    given = dict(re.findall(r"\| (C\w+) \| (\S+ \| \S+) - ", WALK))
    assert given.keys() == rows.keys()
    for task, counted in rows.items():
        label = last["click" if task == "CTR" else "conversion"].to_numpy()[counted]
        found = auc(predicted[f"p{task.lower()}"].to_numpy()[counted], label)
        value, low = map(float, given[task].split(" | "))
        assert found.low > 0.5
        # Another processor adds up in another order.
        assert (found.value, found.low) == (pytest.approx(value, abs=0.01), pytest.approx(low, abs=0.015)), task


def test_the_truth_has_the_figures_that_the_page_gives(walk):
    last = pq.read_table(walk.folder / "shop/raw/test.parquet")
    click, both = last["p_click"].to_numpy(), last["p_click"].to_numpy() * last["p_conversion"].to_numpy()
    for chance, label in ((click, "click"), (both, "conversion")):
        assert f"{auc(chance, last[label].to_numpy()).value:.3f}"[1:] in WALK


def test_static_graph_has_the_losses_of_dynamic_graph(walk):
    losses = []
    for name in ("tools/trainer.py", "tools/static_trainer.py"):
        (outcome,) = walk.outcomes[name]
        losses.append([float(each) for each in re.findall(r"epoch: 0 done, loss: ([\d.]+)", outcome.err)])
    (dynamic, static) = losses
    assert dynamic[0] == pytest.approx(static[0], rel=1e-4)


def test_the_exported_model_says_the_same(walk):
    predicted, served = (pq.read_table(walk.folder / "shop" / f"{name}.parquet") for name in ("predictions", "served"))
    assert served["request_id"].equals(predicted["request_id"])
    for name in ("pctr", "pctcvr", "pcvr"):
        np.testing.assert_allclose(served[name].to_numpy(), predicted[name].to_numpy(), atol=1e-5)


def test_rows_without_labels_have_the_same_probabilities(walk):
    predicted = pq.read_table(walk.folder / "shop/predictions.parquet")
    scored = pyarrow.csv.read_csv(walk.folder / "shop/scores.csv")
    assert [str(each) for each in scored["request_id"].to_pylist()] == predicted["request_id"].to_pylist()
    assert scored["click"].null_count == TESTED
    for name in ("pctr", "pctcvr", "pcvr"):
        np.testing.assert_allclose(scored[name].to_numpy(), predicted[name].to_numpy(), atol=1e-6)
    assert "no row tells a label" in walk.outcomes["tools/infer.py"][1].err
    metrics = walk.folder / "output_model_shop" / "1" / "metrics.json"
    assert json.loads(metrics.read_text())["tasks"]["ctr"]["n"] == TESTED  # of the evaluation before


def messages() -> Iterator[str]:
    """The texts in our modules; what is put into a text is a line break in it."""
    for path in (ROOT / "tools" / "rec").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "\n".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_what_is_said_to_be_refused_is_refused_in_these_words():
    known = "\n".join(messages())
    section = ABOVE.split("## What is refused")[1]
    said = re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)
    assert len(said) > 20
    system = {"Too many open files"}
    pieces = [piece for text in said if text not in system for piece in re.split(r" ?\.\.\.(?!\}) ?", text) if piece]
    assert [piece for piece in pieces if piece not in known] == []


def test_the_short_config_is_one(walk, tool: Tool, monkeypatch):
    (short,) = (block for block in CONFIGS if "base:" in block.content)
    (walk.folder / named(short)).write_text(short.content)
    monkeypatch.chdir(walk.folder)
    (command,) = re.findall(r"`python tools/trainer\.py ([^`]*short[^`]*)`", ABOVE)
    outcome = tool("trainer", *command.split())
    assert outcome.code == 0, outcome.err
    assert "48,000 for training" not in outcome.err  # but a share of the users


def test_the_config_of_the_readmes_is_one(walk, tool: Tool, monkeypatch):
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README_CN.md")]
    english, chinese = (re.findall(r"^    base: \.\./models.*\n(?:    .*\n)+", text, re.MULTILINE) for text in texts)
    assert english == chinese
    (config,) = english
    (walk.folder / "shop/mine.yaml").write_text(textwrap.dedent(config))
    monkeypatch.chdir(walk.folder)
    outcome = tool("trainer", "-m", "shop/mine.yaml", "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "48,000 for training" in outcome.err


@pytest.mark.parametrize("block", [block for block in CONFIGS if "base:" not in block.content])
def test_what_is_shown_of_a_config_can_be_said(block, tmp_path):
    """Beside the walk-through's config, which is accepted as it is."""
    (given,) = (each.content for each in blocks(WALK) if each.language == "yaml")
    path = tmp_path / "ranker.yaml"
    path.write_text(given.replace("../models", str(ROOT / "models")))
    (tmp_path / "more.yaml").write_text(f"base: ranker.yaml\n{block.content}")
    more = load(tmp_path / "more.yaml", [])
    more.check()
    read_settings(more.data)
    assert set(yaml.safe_load(block.content)) <= {"runner", "data"}
    assert mixed_parts(with_shares(load(path, []))) == []
