"""Parts of the page that not every run has: calibration, gates, cosines, a history cut short, a prepared table."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from commands import Commands
from evidence.conftest import settings
from evidence.test_report_page import Page
from support import ROOT


def written(process: Commands, folder: Path, *arguments: object) -> tuple[Page, str]:
    """The page, and what the log said."""
    target = folder / "page.html"
    outcome = process(folder, "report", *arguments, "--to", target, "--permutations", 0)
    assert outcome.code == 0, outcome.err
    return Page(target), outcome.err


def test_reliability_before_and_after_calibration(log, process, tmp_path):
    """Of the raw predictions and of those that infer.py writes with the calibration, by twenty bins of as many rows."""
    valid = f"runner.valid_data_dir={log / 'test'}"
    options = [*settings(log, tmp_path / "out"), valid, "runner.calibration=platt", "runner.epochs=1"]
    assert process(tmp_path, "trainer", *options).code == 0
    for name in ("platt", "none"):
        more = f"runner.calibration={name}", f"runner.predict_save_path={tmp_path / name}.parquet"
        assert process(tmp_path, "infer", *options, *more).code == 0
    page, _ = written(process, tmp_path, tmp_path / "out")
    assert "a calibration, fitted on validation rows" in page.texts["reliability"]
    assert "predictions with it" in page.texts["reliability"]
    shown = {(row[0], row[1]): row for row in page.rows["reliability"] if row}
    for name, words in (("none", "as predicted"), ("platt", "calibrated")):
        table = pq.read_table(tmp_path / f"{name}.parquet").to_pydict()
        p, y = np.array(table["pctr"], float), np.array(table["click"])
        order = np.argsort(p, kind="stable")
        bins = np.array_split(order, 20)
        expected = sum(abs(p[own].mean() - y[own].mean()) * len(own) for own in bins) / len(p)
        assert float(shown["ctr", words][4]) == pytest.approx(expected, rel=0.1)  # equal scores share a bin there
        assert shown["ctr", words][2:4] == [f"{100 * p.mean():.1f}\u00a0%", f"{100 * y.mean():.1f}\u00a0%"]


def test_gates_are_means_over_the_test_rows(process, tmp_path):
    config = ROOT / "models" / "multitask" / "ple" / "config.yaml"
    options = ["-m", config, "-o", f"runner.model_save_path={tmp_path / 'out'}", "runner.epochs=1"]
    assert process(tmp_path, "trainer", *options).code == 0
    page, _ = written(process, tmp_path, tmp_path / "out")
    rows = [row for row in page.rows["gates"] if row]
    for tower in ("click", "conversion"):
        own = [row for row in rows if row[0] == tower]
        assert sum(float(row[2]) for row in own) == pytest.approx(2, abs=0.004)  # of two levels
        assert {row[1].split()[0] for row in own} == {"own", "shared"}
    assert "ceiling" in page.texts["truth"]  # the bundled sample tells its probabilities


def test_cosines_come_from_the_history_and_a_line_cut_short_is_left_out(finished, process, tmp_path):
    shutil.copytree(finished, tmp_path / "out")
    lines = [
        '{"kind": "step", "epoch": 0, "batch": 5, "step": 5, "values": {"loss": 1.5, "cosine_ctr_cvr": 0.25}}',
        '{"kind": "step", "epoch": 0, "batch": 9, "step": 9, "values": {"loss": null, "cosine_ctr_cvr": -0.75}}',
        '{"kind": "valid", "epoch": 0, "batch": null, "step": 9, "values": {"auc_ctr": 0.7}}',
        '{"kind": "step", "epoch": 0, "ba',
    ]
    (tmp_path / "out" / "history.jsonl").write_text("\n".join(lines))
    page, _ = written(process, tmp_path, tmp_path / "out")
    assert "Means over training: ctr_cvr -0.25." in page.texts["together"]
    assert "auc_ctr, validation" in page.texts["learning"]
    (tmp_path / "out" / "history.jsonl").unlink()
    page, _ = written(process, tmp_path, tmp_path / "out")
    assert "no history.jsonl" in page.texts["learning"]
    assert "together" not in page.rows


def test_a_prepared_table_has_the_columns_that_it_was_prepared_with(log, process, tmp_path):
    options = settings(log, tmp_path / "out")
    prepared = tmp_path / "ready"
    assert process(tmp_path, "prepare", prepared, *options).code == 0
    places = [f"runner.{part}_data_dir={prepared}" for part in ("train", "test")]
    assert process(tmp_path, "trainer", *options, *places, "runner.epochs=1").code == 0
    page, said = written(process, tmp_path, tmp_path / "out")
    assert "what needs such columns is left out" in said
    assert "users" not in page.rows
    assert "--item FIELD names one" in page.texts["items"]
    assert [row[0] for row in page.rows["summary"] if row] == ["ctr", "cvr", "ctcvr"]
