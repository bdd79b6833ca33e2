"""tools/tune.py as a user starts it: real trainings, killed and gone on with."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from rec.checkpoint.lock import only_writer
from rec.checkpoint.store import Store
from rec.config.config import load
from rec.errors import UserError
from rec.report.history import read_history
from support import ESMM, ROOT, start, tiny_lines, write_lines

RATE, DIM = "hyper_parameters.optimizer.learning_rate", "hyper_parameters.sparse_feature_dim"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny lines and a config with a search over them."""
    made = tmp_path_factory.mktemp("search")
    for seed, (name, count) in enumerate({"train": 3000, "valid": 600}.items()):
        write_lines(made / name, tiny_lines(count, seed))
    tree = {
        "base": str(ESMM / "config.yaml"), "model": str(ESMM),
        "runner": {"train_data_dir": "train", "valid_data_dir": "valid", "train_batch_size": 32, "epochs": 5,
                   "model_save_path": "mine"},
        "hyper_parameters": {"fields": ["user", "item", "tags"], "sparse_feature_number": 60,
                             "ctr_fc_sizes": [8], "cvr_fc_sizes": [8]},
        "tune": {"objective": "auc_ctcvr", "budget": {"trials": 3}, "out": "whole",
                 "ranges": {RATE: {"low": 1e-4, "high": 1e-1, "log": True}, DIM: {"choices": [2, 4]}}},
    }  # fmt: skip
    (made / "c.yaml").write_text(yaml.safe_dump(tree))
    return made


def tune(folder: Path, *options: str) -> str:
    """Run a search to its end."""
    search = start("tune", "-m", "c.yaml", *options, cwd=folder)
    log, _ = search.communicate(timeout=200)
    assert search.returncode == 0, log
    return log


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    """A search that nothing interrupted."""
    tune(folder)
    return folder / "whole"


def best_of(folder: Path) -> float:
    return max(line["values"]["auc_ctcvr"] for line in read_history(folder) if line["kind"] == "valid")


def test_each_trial_is_an_ordinary_training(whole):
    found = rows(whole)
    assert [row["state"] for row in found] == ["complete"] * 3
    for row in found:
        trial = whole / "trials" / row["folder"]
        config = load(trial / "config.yaml")
        assert (config[RATE], config[DIM]) == (float(row[RATE]), int(row[DIM]))
        assert float(row["auc_ctcvr"]) == best_of(trial)
    assert len({row[RATE] for row in found}) == 3


def test_the_best_one_s_checkpoints_are_kept_and_its_config_runs(whole, folder, tool, monkeypatch):
    monkeypatch.chdir(folder)
    best = max(rows(whole), key=lambda row: float(row["auc_ctcvr"]))
    tree = yaml.safe_load((whole / "best.yaml").read_text())
    assert (tree["base"], tree["tune"]) == (str(folder / "c.yaml"), "~drop")
    config = load(whole / "best.yaml")
    assert (config[RATE], config[DIM]) == (float(best[RATE]), int(best[DIM]))
    assert {path.parent.parent.name for path in (whole / "trials").glob("*/*/state.json")} == {best["folder"]}
    kept = Store(config.runner.model_save_path).best("auc_ctcvr")
    assert kept is not None
    assert (kept.metrics["auc_ctcvr"], kept.name) == (float(best["auc_ctcvr"]), best["epoch"])

    evaluated = tool("infer", "-m", whole / "best.yaml", "-o", f"runner.test_data_dir={folder / 'valid'}")
    assert evaluated.code == 0, evaluated.err
    assert f"{kept.metrics['auc_ctcvr']:.4f}" in evaluated.out
    trained = tool("trainer", "-m", whole / "best.yaml", "-o", "runner.model_save_path=again")
    assert trained.code == 0, trained.err
    assert best_of(folder / "again") == float(best["auc_ctcvr"])


def wait_for(found: Callable[[], bool], seconds: float = 60) -> None:
    """Until `found()` is true."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.02)


def is_free(trial: Path) -> bool:
    """Whether no training is at work there."""
    try:
        with only_writer(trial):
            return True
    except UserError:
        return False


def test_a_search_that_is_killed_goes_on_from_the_trial_s_checkpoint(whole, folder):
    out = folder / "killed"
    options = ("-o", "tune.out=killed")
    search = start("tune", "-m", "c.yaml", *options, cwd=folder)
    wait_for(lambda: (out / "trials" / "1" / "1" / "state.json").is_file())
    os.kill(search.pid, signal.SIGKILL)
    search.communicate()
    wait_for(lambda: is_free(out / "trials" / "1"), 10)
    assert load(out / "best.yaml").runner.model_save_path == str(out / "trials" / "0")

    log = tune(folder, *options)
    assert "1 trials that were interrupted go on" in log
    assert "resumed from" in (out / "trials" / "1" / "log.txt").read_text()
    columns = ("state", "auc_ctcvr", "epoch", RATE, DIM)
    assert [[row[name] for name in columns] for row in rows(out)] == [
        [row[name] for name in columns] for row in rows(whole)
    ]
    assert [row["folder"] for row in rows(out)] == ["0", "1", "3"]  # 2 was the second try of 1
    assert load(out / "best.yaml")[RATE] == load(whole / "best.yaml")[RATE]
    assert "written: " in tune(folder, *options)


def test_a_training_that_is_killed_is_one_failed_trial(folder):
    """By its process: the only child of the search."""
    search = start("tune", "-m", "c.yaml", "-o", "tune.out=child", "tune.budget.trials=2", cwd=folder)
    history = folder / "child" / "trials" / "0" / "history.jsonl"
    wait_for(history.is_file)
    children = Path(f"/proc/{search.pid}/task/{search.pid}/children")
    if not children.is_file():
        search.kill()
        pytest.skip("no list of child processes here")
    (child,) = children.read_text().split()
    os.kill(int(child), signal.SIGKILL)
    log, _ = search.communicate(timeout=100)
    assert search.returncode == 0, log
    assert [(row["state"], row["error"]) for row in rows(folder / "child")] == [
        ("failed", "ended by signal 9"),
        ("complete", ""),
    ]


def test_ctrl_c_ends_all_of_it_and_a_second_search_is_refused(folder):
    out = folder / "interrupted"
    options = ["tune.out=interrupted", "tune.processes=2", "tune.budget.trials=50"]  # more than it comes to
    search = start("tune", "-m", "c.yaml", "-o", *options, cwd=folder)
    wait_for(lambda: all((out / "trials" / name / "history.jsonl").is_file() for name in "01"))
    second = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "tune.py"), "-m", "c.yaml", "-o", "tune.out=interrupted"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert second.returncode == 2
    assert f"another search (process {search.pid} on " in second.stderr
    assert second.stderr.endswith("set another tune.out\n")
    search.send_signal(signal.SIGINT)
    log, _ = search.communicate(timeout=30)
    assert search.returncode == 130
    assert log.splitlines()[-1] == "interrupted; the same command goes on"
    assert all(is_free(out / "trials" / name) for name in "01")


def test_static_trials_come_to_the_same(whole, folder):
    tune(folder, "--mode", "static", "-o", "tune.out=static", "tune.budget.trials=1")
    (row,) = rows(folder / "static")
    assert float(row["auc_ctcvr"]) == pytest.approx(float(rows(whole)[0]["auc_ctcvr"]), abs=2e-3)
    search = start("tune", "-m", "c.yaml", "-o", "tune.out=static", cwd=folder)
    log, _ = search.communicate(timeout=60)
    assert (search.returncode, "--mode was 'static', is 'dygraph'" in log) == (2, True)


def test_a_dry_run_writes_nothing(folder):
    before = sorted(path.name for path in folder.iterdir())
    log = tune(folder, "--dry-run", "-o", "tune.out=dry")
    assert "0 of 3 trials are done" in log
    assert sorted(path.name for path in folder.iterdir()) == before
