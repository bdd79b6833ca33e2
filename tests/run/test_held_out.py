"""Rows that `data.test_share` and `data.valid_share` hold out are not those that a checkpoint was trained on."""

import json
from pathlib import Path

import numpy as np
import pytest

from rec.checkpoint.manifest import plain
from rec.run.reading import differences
from support import ESMM, Tool, alone


@pytest.fixture
def table(tmp_path, monkeypatch) -> list[str]:
    """Arguments for ESMM on 400 rows, of which 30 % are held out to test on."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    (tmp_path / "rows").mkdir()
    lines = [f"{u},{i},{int(random.random() < 0.5)},0" for u, i in random.integers(0, 10, (400, 2))]
    (tmp_path / "rows" / "m.csv").write_text("\n".join(["user,item,click,buy", *lines, ""]))
    settings = {
        "runner.train_data_dir": tmp_path / "rows",
        "runner.test_data_dir": tmp_path / "rows",
        "runner.epochs": 1,
        "runner.model_save_path": "out",
        "data.labels": "{click: click, conversion: buy}",
        "data.fields": "{user: , item: }",
        "data.test_share": 0.3,
        "hyper_parameters.sparse_feature_number": "null",
    }
    return ["-m", str(ESMM / "config.yaml"), "-o", *(f"{key}={value}" for key, value in settings.items())]


@pytest.mark.parametrize("command", ["infer", "static_infer"])
def test_a_larger_share_than_in_training_is_refused(tool: Tool, table, command):
    """Half of its rows were trained on, and nobody was told."""
    assert tool("trainer", *table).code == 0
    ended = tool(command, *table, "data.test_share=0.6")
    assert ended.code == 2
    assert "rows that it was trained on: data.test_share was 0.3, is 0.6." in ended.err.splitlines()[-1]
    assert not Path("out/0/metrics.json").exists()
    assert tool(command, *table, "data.test_share=0.2").code == 0


def test_an_exported_model_is_tested_on_no_larger_share_either(tool: Tool, table):
    assert tool("trainer", *table).code == 0
    ended = alone("paddle_infer", *table, "data.test_share=0.6")
    assert ended.code == 2
    assert "rows that it was trained on: data.test_share was 0.3, is 0.6." in ended.err.splitlines()[-1]


def test_a_file_before_the_others_gives_rows_other_numbers(tool: Tool, table, tmp_path):
    assert tool("trainer", *table).code == 0
    (tmp_path / "rows" / "a.csv").write_text("user,item,click,buy\n1,1,1,0\n")
    ended = tool("infer", *table)
    assert ended.code == 2
    assert "rows that it was trained on: the training data was '" in ended.err.splitlines()[-1]
    # Which files are read matters as well as which there are.
    assert tool("trainer", *table, "data.files=m.csv", "runner.overwrite=true").code == 0
    assert "data.files was 'm.csv', is '*'" in tool("infer", *table, "data.files='*'").err.splitlines()[-1]
    assert tool("infer", *table, "data.files=m.csv").code == 0


def test_another_folder_is_evaluated_whatever_has_become_of_the_training_rows(tool: Tool, table, tmp_path):
    assert tool("trainer", *table).code == 0
    (tmp_path / "rows").rename(tmp_path / "old")
    elsewhere = tool("infer", *table, f"runner.test_data_dir={tmp_path / 'old'}")
    assert elsewhere.code == 0
    assert f"{tmp_path / 'old'}: holds the rows that were trained on" in elsewhere.err
    assert json.loads(Path("out/0/metrics.json").read_text())["impressions"] == 400


@pytest.mark.parametrize("setting", ["runner.warm_start=out/0", "runner.model_init_path=out/0", "last_epoch=0"])
def test_weights_do_not_go_on_where_their_rows_are_held_out(tool: Tool, table, setting):
    assert tool("trainer", *table).code == 0
    more = [setting, "runner.epochs=2"]
    if "last" not in setting:
        more.append("runner.model_save_path=next")
    ended = tool("trainer", *table, *more, "data.valid_share=0.1")
    assert ended.code == 2
    assert "was trained on rows that would be held out now: data.valid_share was None, is 0.1." in ended.err
    # .2 + .1 of the other .8 is less than .3
    assert tool("trainer", *table, *more, "data.test_share=0.2", "data.valid_share=0.1").code == 0


def test_sections_differ_by_their_keys():
    before = {"b": {"click": None, "buy": {"after": "click", "weight": 2}}, "d": {"x": None}}
    now = {"b": {"click": None, "buy": {"after": "click", "weight": 3}}, "d": {"y": None}}
    assert differences(before, now) == ["b.buy.weight was 2, is 3", "d was {'x': None}, is {'y': None}"]
    assert differences(before, before) == []


def test_facts_are_compared_as_they_are_read():
    assert plain({"a": (1, 2), "b": {7: None}, "c": object()}) == {"a": [1, 2], "b": {"7": None}}
