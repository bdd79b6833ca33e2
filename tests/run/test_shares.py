"""Validation and testing on a folder of their own or on a share of the training rows: neither by halves."""

import json
from pathlib import Path

import numpy as np
import pytest

from rec.config.config import Config, load
from rec.doctor.examine import examine
from rec.run.parts import mixed_parts, with_shares
from support import ESMM, Tool


def config(tmp_path: Path, data: dict | None = None, **runner) -> Config:
    return Config(tmp_path / "c.yaml", {"runner": {"train_data_dir": "rows", **runner}, "data": data})


def test_a_share_switches_its_part_on(tmp_path):
    both = with_shares(config(tmp_path, {"valid_share": 0.1, "test_share": 0.2})).runner
    assert (both.valid_data_dir, both.test_data_dir) == ("rows", "rows")
    one = with_shares(config(tmp_path, {"valid_share": 0.1, "test_share": 0.0}, test_data_dir="other")).runner
    assert (one.valid_data_dir, one.test_data_dir) == ("rows", "other")
    given = config(tmp_path, {"valid_share": 0.1}, valid_data_dir="rows")
    assert with_shares(given) is given
    assert mixed_parts(given) == []


@pytest.mark.parametrize(
    ("data", "runner", "message"),
    [
        (
            {"valid_share": 0.1},
            {"valid_data_dir": "other"},
            "data.valid_share sets rows of runner.train_data_dir aside, but",
        ),
        (
            {"test_share": 0.1},
            {"test_data_dir": "other"},
            "data.test_share sets rows of runner.train_data_dir aside, but",
        ),
        ({"test_share": 0.1}, {"valid_data_dir": "./rows"}, "whose rows are all trained on: set data.valid"),
        (None, {"valid_data_dir": "rows/"}, "whose rows are all trained on: name a folder of other rows"),
    ],
)
def test_half_of_a_choice_is_a_problem(tmp_path, data, runner, message):
    (problem,) = mixed_parts(config(tmp_path, data, **runner))
    assert message in problem


@pytest.fixture
def table(tmp_path, monkeypatch) -> list[str]:
    """Arguments for ESMM on a table of 600 rows."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    (tmp_path / "rows").mkdir()
    lines = [f"{u},{i},{int(random.random() < 0.1 + 0.08 * i)}" for u, i in random.integers(0, 10, (600, 2))]
    text = "\n".join(["user,item,click,buy", *(f"{line},{line[-1]}" for line in lines), ""])
    (tmp_path / "rows" / "t.csv").write_text(text)
    settings = {
        "runner.train_data_dir": tmp_path / "rows",
        "runner.test_data_dir": tmp_path / "rows",
        "runner.epochs": 1,
        "runner.model_save_path": "out",
        "runner.infer_load_path": "out",
        "data.labels": "{click: click, conversion: buy}",
        "data.fields": "{user: , item: }",
        "hyper_parameters.sparse_feature_number": "null",
    }
    return ["-m", str(ESMM / "config.yaml"), "-o", *(f"{key}={value}" for key, value in settings.items())]


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_a_share_alone_is_validated_on(tool: Tool, table, prefix):
    """It left rows out of training, and nothing looked at them."""
    outcome = tool(
        f"{prefix}trainer", *table, "data.test_share=0.3", "data.valid_share=0.2", "runner.best_metric=auc_ctr"
    )
    assert outcome.code == 0, outcome.err
    assert "validation, epoch: 0 done, auc_ctr: " in outcome.err
    assert json.loads(Path("out/0/state.json").read_text())["metrics"]["auc_ctr"] > 0.5


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_validation_on_the_training_rows_is_refused(tool: Tool, table, tmp_path, prefix):
    options = ["data.test_share=0.3", f"runner.valid_data_dir={tmp_path / 'rows'}"]
    outcome = tool(f"{prefix}trainer", *table, *options)
    assert outcome.code == 2
    assert (
        "runner.valid_data_dir is runner.train_data_dir, whose rows are all trained on: set data.valid"
        in (outcome.err.splitlines()[-1])
    )
    assert not Path("out").exists()
    mode = "static" if prefix else "dygraph"
    (finding,) = examine(load(table[1], [*table[3:], *options]), mode)
    assert finding.severity == "wrong"
    assert "whose rows are all trained on" in finding.found
