"""Two processes of Paddle's launcher against one: the same training, whoever has the table, and whoever goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from commands import Commands
from rec.checkpoint.files import load
from support import ESMM, ROOT, tiny_lines, write_lines

STEP = 64
"""Impressions of all processes. The data are nine such steps and one of a single impression: one process has none."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("launched")
    lines = tiny_lines(9 * STEP + 1, seed=1)
    lines[5:200:20] = [line.replace(",0,0,", ",0,1,") for line in lines[5:200:20]]  # contradict themselves: left out
    write_lines(made / "train", lines)
    write_lines(made / "test", tiny_lines(200, seed=2))
    return made


def options(folder: Path, **more: object) -> list[str]:
    settings = {
        "runner.train_data_dir": folder / "train",
        "runner.test_data_dir": folder / "test",
        "runner.valid_data_dir": folder / "test",
        "runner.train_batch_size": STEP,
        "runner.infer_batch_size": 64,
        "runner.epochs": 1,
        "runner.print_interval": 3,
        "runner.save_steps": 4,
        "runner.infer_checkpoint": "latest",
        "hyper_parameters.fields": "[user, item, tags]",
        "hyper_parameters.sparse_feature_number": 60,
        "hyper_parameters.sparse_feature_dim": 4,
        "hyper_parameters.ctr_fc_sizes": "[8]",
        "hyper_parameters.cvr_fc_sizes": "[8]",
        "hyper_parameters.optimizer.learning_rate": 0.01,
        "hyper_parameters.optimizer.clip_norm": 0.05,
    }
    settings |= {name if "." in name else f"runner.{name}": value for name, value in more.items()}
    return ["-m", str(ESMM / "config.yaml"), "-o", *(f"{name}={value}" for name, value in settings.items())]


def launch(folder: Path, tool: str, ranks: int = 2, **more: object) -> subprocess.Popen[str]:
    """Two processes, each with half a step, or some more."""
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", str(ranks), "--log_dir", str(folder / "log")]
    given = options(folder, train_batch_size=STEP // ranks, **more)
    command = [sys.executable, *launcher, str(ROOT / "tools" / f"{tool}.py"), *given]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(run: subprocess.Popen[str]) -> str:
    log, _ = run.communicate(timeout=300)
    assert run.returncode == 0, log
    return log


@pytest.fixture(scope="module")
def alone(folder: Path, process: Commands) -> Path:
    """What one process makes of two epochs."""
    outcome = process(folder, "trainer", *options(folder, model_save_path="alone", epochs=2))
    assert outcome.code == 0, outcome.err
    return folder / "alone"


@pytest.fixture(scope="module")
def replicated(folder: Path) -> Path:
    """What two make of one epoch."""
    finished(launch(folder, "trainer", model_save_path="replicated"))
    return folder / "replicated"


@pytest.fixture(scope="module")
def sharded(folder: Path, alone: Path) -> Path:
    """What two make, as programs, of what one began."""
    (folder / "sharded").mkdir()
    shutil.copytree(alone / "0", folder / "sharded" / "0")
    given = {"model_save_path": "sharded", "epochs": 2, "table": "sharded", "resume": "true"}
    finished(launch(folder, "static_trainer", **given))
    return folder / "sharded"


def same(found: Path, expected: Path) -> None:
    """Whether weights and optimizers' states are alike, in either graph mode's files, the table whole or in shards."""
    states = [load(path, "everything") for path in (found, expected)]
    for ours, theirs in ([state.weights for state in states], [state.optimizer for state in states]):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            size = max(float(np.linalg.norm(value.astype(np.float64))), 1e-30)
            assert np.linalg.norm(value.astype(np.float64) - ours[name]) / size < 1e-5, name


def history(folder: Path, epochs: int) -> list[tuple[str, int, dict[str, float]]]:
    lines = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [(line["kind"], line["step"], line["values"]) for line in lines if line["epoch"] < epochs]


def test_two_train_as_one_does(alone, replicated):
    same(replicated / "0", alone / "0")


def test_losses_and_metrics_are_those_of_all(alone, replicated):
    expected, found = history(alone, 1), history(replicated, 1)
    assert [line[:2] for line in found] == [line[:2] for line in expected]
    assert {kind for kind, _, _ in found} == {"step", "epoch", "valid"}
    for (_, _, ours), (_, _, theirs) in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4), name


def test_two_go_on_where_one_ended_with_a_divided_table(alone, sharded):
    same(sharded / "1", alone / "1")


def test_one_goes_on_where_two_ended(folder, process, alone, replicated):
    given = options(folder, model_save_path="replicated", epochs=2, resume="true")
    outcome = process(folder, "trainer", *given)
    assert outcome.code == 0, outcome.err
    assert "resumed from" in outcome.err
    same(replicated / "1", alone / "1")


def test_one_evaluates_a_table_that_two_divided(folder, process, alone, sharded):
    found = []
    for path in (alone, sharded):
        outcome = process(folder, "infer", *options(folder, infer_load_path=path))
        assert outcome.code == 0, outcome.err
        found.append(json.loads((path / "1" / "metrics.json").read_text()))
    for name in ("auc_ctr", "logloss_ctr", "auc_ctcvr", "logloss_ctcvr"):
        assert found[1][name] == pytest.approx(found[0][name], rel=1e-5)


def test_a_divided_table_is_in_shards_which_any_number_of_processes_reads(folder, process, alone, sharded):
    """Two of them, which one process goes on from, and then three."""
    names = sorted(path.name for path in (sharded / "1").glob("*table*"))
    assert names == [f"rec_static.table-0000{rank}-of-00002.safetensors" for rank in (0, 1)]
    for ranks in (1, 3):
        given = {"epochs": 3, "resume": "true", "save_steps": 0, "model_save_path": f"on-{ranks}"}
        shutil.copytree(sharded, folder / f"on-{ranks}")
        if ranks == 1:
            outcome = process(folder, "static_trainer", *options(folder, train_batch_size=STEP // 3 * 3, **given))
            assert outcome.code == 0, outcome.err
        else:
            finished(launch(folder, "static_trainer", ranks, table="sharded", **given))
    same(folder / "on-3" / "2", folder / "on-1" / "2")
    assert len(list((folder / "on-3" / "2").glob("*table*"))) == 3
    assert not list((folder / "on-1" / "2").glob("*table*"))


def test_a_calibration_is_of_the_checkpoint_that_is_evaluated(folder, process):
    """Of the best one and not the last, whose rows of the table the others have at the end of a training."""
    given = {"epochs": 4, "save_steps": 0, "calibration": "platt", "infer_checkpoint": "best", "best_metric": "auc_ctr"}
    rate = {"hyper_parameters.optimizer.learning_rate": 0.05}
    outcome = process(folder, "trainer", *options(folder, model_save_path="one", **given, **rate))
    assert outcome.code == 0, outcome.err
    finished(launch(folder, "trainer", model_save_path="two", table="sharded", **given, **rate))
    (one,), (two,) = (list((folder / name).glob("*/calibration.json")) for name in ("one", "two"))
    assert one.parent.name == two.parent.name != "3"
    curves = [json.loads(path.read_text())["tasks"]["ctr"] for path in (one, two)]
    assert numbers_of(curves[1]) == pytest.approx(numbers_of(curves[0]), rel=1e-3)


def numbers_of(content: object) -> list[float]:
    """All numbers in some JSON, in order."""
    if isinstance(content, dict):
        return [number for value in content.values() for number in numbers_of(value)]
    if isinstance(content, list):
        return [number for value in content for number in numbers_of(value)]
    return [float(content)] if isinstance(content, int | float) else []


LIMIT = """
import os, resource
if os.environ.get("PADDLE_TRAINER_ID") == "1":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
"""


def test_who_cannot_write_its_rows_ends_all_with_a_line(folder, monkeypatch):
    """The files of one process may not get large enough: as on a full disk, the system refuses the rest."""
    (folder / "limit").mkdir()
    (folder / "limit" / "sitecustomize.py").write_text(LIMIT)
    monkeypatch.setenv("PYTHONPATH", str(folder / "limit"))
    rows = {"hyper_parameters.sparse_feature_number": 20_000}
    run = launch(folder, "trainer", model_save_path="full", table="sharded", **rows)
    log, _ = run.communicate(timeout=120)
    assert run.returncode != 0
    assert "the checkpoint could not be written: rank 1 on" in log
    assert "File too large; earlier ones are kept" in log
    assert "Traceback" not in log
    assert not [path for path in (folder / "full").iterdir() if path.is_dir()]


def test_who_stops_early_within_an_epoch_lets_the_others_go(folder):
    stop = {"early_stop": "{metric: auc_ctr, patience: 1, min_delta: 0.9}", "infer_checkpoint": "best"}
    given = {"epochs": 1000, "valid_steps": 2, "table": "sharded"}
    log = finished(launch(folder, "trainer", model_save_path="early", **stop, **given))
    steps = json.loads((folder / "early" / "history.jsonl").read_text().splitlines()[-1])["step"]
    assert steps == 4
    assert "error" not in log


def test_what_another_process_cannot_read_ends_all_with_its_line(folder):
    lines = tiny_lines(9 * STEP, seed=1)
    lines[5 * STEP + STEP // 2 + 3] = "broken"  # of the second half of a step
    write_lines(folder / "damaged", lines)
    given = {"train_data_dir": folder / "damaged", "save_steps": 2, "shuffle": "false"}
    run = launch(folder, "trainer", model_save_path="unread", **given)
    log, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    assert f"error: rank 1: {folder / 'damaged' / 'part-0.txt'}:{5 * STEP + STEP // 2 + 4}: column 2: " in log
    assert "Traceback" not in log
    assert [path for path in (folder / "unread").glob("0-batch[24]") if path.is_dir()]


def test_a_killed_process_ends_the_other_with_a_line_and_one_goes_on_as_if_nothing_had_been(folder, process, alone):
    run = launch(folder, "trainer", model_save_path="killed", epochs=1000, table="sharded")
    while not list((folder / "killed").glob("[0-9]*")):
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.02)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    (second,) = (pid for pid in children if b"PADDLE_TRAINER_ID=1" in Path(f"/proc/{pid}/environ").read_bytes())
    os.kill(int(second), signal.SIGKILL)
    log, _ = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "error: rank 1 has ended: all ranks end; the checkpoints written so far are whole" in log
    assert "Traceback" not in log
    outcome = process(folder, "trainer", *options(folder, model_save_path="killed", epochs=2, resume="true"))
    assert outcome.code == 0, outcome.err
    same(folder / "killed" / "1", alone / "1")
