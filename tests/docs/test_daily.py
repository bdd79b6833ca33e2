"""docs/daily.md is right: its walk runs as it stands there."""

from __future__ import annotations

import csv
import itertools
import re
import shlex

from pages import blocks, page
from rec.data.growth_rules import GROWING
from support import ROOT, alone

CONFIG, COMMANDS = blocks(page("daily.md"))


def test_the_walk_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "shop" / "daily.yaml").write_text(CONFIG.content)
    simulate, walk = (shlex.split(line) for line in COMMANDS.content.splitlines())
    fewer = {"--days": "3", "--impressions": "6000"}
    given = [fewer.get(before, word) for before, word in itertools.pairwise(simulate[1:])]
    assert alone("../datasets/ali-ccp/simulate_table", *given).code == 0
    assert walk[1] == "tools/daily.py"
    outcome = alone("daily", *walk[2:])
    assert outcome.code == 0, outcome.err
    rows = list(csv.DictReader((tmp_path / "output_model_daily" / "daily.csv").read_text().splitlines()))
    assert {(row["day"], row["task"]) for row in rows if row["rows"] == "new item_id"} == {
        (day, task) for day in ("day-02", "day-03") for task in ("ctr", "cvr", "ctcvr")
    }
    assert re.search(r"vocabulary, day 3: .*field item_id: \d+ new rows, 0 freed", outcome.err)
    assert (tmp_path / "output_model_daily" / "day-03" / "0" / "vocabulary.json").is_file()


def test_every_setting_is_told_of():
    assert all(f"`{name}" in page("daily.md") or f"  {name}:" in CONFIG.content for name in GROWING)
