"""The search's own logic, with trainings that are functions of their settings."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from rec.config.config import load
from rec.errors import UserError
from rec.tune import search as search_module
from rec.tune.plan import Plan
from rec.tune.report import importances
from rec.tune.study import Study, seconds
from rec.tune.work import search
from support import ESMM, tiny_lines, write_lines

RATE, SIZES, BATCH = (
    "hyper_parameters.optimizer.learning_rate",
    "hyper_parameters.ctr_fc_sizes",
    "runner.train_batch_size",
)
RANGES = {
    RATE: {"low": 1e-5, "high": 1e-1, "log": True},
    SIZES: {"choices": [[4], [16, 8], [32]]},
    BATCH: {"low": 16, "high": 128},
}
Score = Callable[[dict], "list[float | None] | str"]


def planted(settings: dict) -> list[float]:
    """Best at a rate of 0.003 and sizes [16, 8]; the batch size hardly matters. Two epochs, the second better."""
    far = abs(math.log10(settings[RATE] / 0.003))
    end = 0.8 - 0.05 * far**2 - 0.03 * (settings[SIZES] != [16, 8]) - 1e-5 * settings[BATCH]
    return [end - 0.02, end]


class Trainings:
    """Stands for `rec.tune.training.Training`: each is over at once, with the validations that `score` gives.

    Attributes:
        score: of the settings the values of each epoch, or of a failure what it says.
        begun: folders, in order.
        killed_at: the search is killed, as it were, when the training of that number begins.
    """

    def __init__(self, score: Score, killed_at: int | None = None) -> None:
        self.score, self.killed_at, self.begun = score, killed_at, list[str]()

    def __call__(self, folder: Path, mode: str, threads: int) -> SimpleNamespace:
        if len(self.begun) == self.killed_at:
            raise KeyboardInterrupt
        self.begun.append(folder.name)
        config = load(folder / "config.yaml")
        assert config.runner.model_save_path == str(folder.absolute())
        found = self.score({key: config.get(key) for key in RANGES})
        lines = [{"kind": "valid", "epoch": epoch, "batch": None, "step": 10 * epoch, "values": {"auc_ctcvr": value}}
                 for epoch, value in enumerate([] if isinstance(found, str) else found)]  # fmt: skip
        (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "0").mkdir(exist_ok=True)
        failed = isinstance(found, str)
        return SimpleNamespace(
            folder=folder,
            log=folder / "log.txt",
            poll=lambda: 2 if failed else 0,
            error=lambda: found,
            stop=lambda: None,
        )


@pytest.fixture
def fake(monkeypatch) -> Callable[..., Trainings]:
    def with_score(score: Score, killed_at: int | None = None) -> Trainings:
        trainings = Trainings(score, killed_at)
        monkeypatch.setattr(search_module, "Training", trainings)
        monkeypatch.setattr(search_module, "_PAUSE", 0)
        return trainings

    return with_score


def plan(folder: Path, overrides: tuple[str, ...] = (), **tune) -> Plan:
    """A search over ESMM's config on tiny lines."""
    if not (folder / "train").exists():
        for name, count in (("train", 60), ("valid", 30)):
            write_lines(folder / name, tiny_lines(count))
    tree = {
        "base": str(ESMM / "config.yaml"), "model": str(ESMM),
        "runner": {"train_data_dir": "train", "valid_data_dir": "valid", "epochs": 2},
        "tune": {"objective": "auc_ctcvr", "ranges": RANGES, "out": str(folder / "out"), **tune},
    }  # fmt: skip
    (folder / "c.yaml").write_text(yaml.safe_dump(tree))
    return Plan.load(folder / "c.yaml", list(overrides), "dygraph")


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "out" / "trials.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_planted_optimum_is_found_within_the_budget(tmp_path, fake, seed):
    fake(planted)
    search(plan(tmp_path, seed=seed, budget={"trials": 30}), restart=False)
    rows = table(tmp_path)
    assert len(rows) == 30
    best = load(tmp_path / "out" / "best.yaml")
    assert best[SIZES] == [16, 8]
    assert 0.0015 < best[RATE] < 0.006  # of four decades
    scores = [float(row["auc_ctcvr"]) for row in rows if row["state"] == "complete"]
    assert planted(best)[1] == max(scores)
    (line,) = [row for row in rows if float(row["auc_ctcvr"]) == max(scores)]
    assert (float(line[RATE]), json.loads(line[SIZES]), int(line[BATCH])) == (best[RATE], best[SIZES], best[BATCH])
    assert line["epoch"] == "1"
    assert (tmp_path / "out" / "trials.png").read_bytes().startswith(b"\x89PNG")
    kept = [path.parent.name for path in (tmp_path / "out" / "trials").glob("*/0")]
    assert kept == [line["folder"]] == [Path(best.runner.model_save_path).name]


def test_trials_below_the_median_are_pruned_and_the_others_are_not(tmp_path, fake):
    """Optuna's median rule, worked out here: below the median that trials trained to their end had at this epoch."""
    fake(planted)
    search(plan(tmp_path, budget={"trials": 18}), restart=False)
    rows, completed = table(tmp_path), []
    for row in rows:
        values = {RATE: float(row[RATE]), SIZES: json.loads(row[SIZES]), BATCH: int(row[BATCH])}
        first, last = planted(values)
        below = len(completed) >= 5 and first < np.median(completed)
        assert row["state"] == ("pruned" if below else "complete"), row["trial"]
        assert float(row["auc_ctcvr"]) == pytest.approx(first if below else last)
        if not below:
            completed.append(first)
    assert 5 < len(completed) < 18

    search(plan(tmp_path, budget={"trials": 10}, prune=False, out=str(tmp_path / "all")), restart=False)
    lines = (tmp_path / "all" / "trials.csv").read_text().splitlines()[1:]
    assert all("complete" in line for line in lines)


def test_the_least_error_is_the_best(tmp_path, fake):
    fake(lambda settings: [1 - value for value in planted(settings)])

    def in_words(folder: Path, mode: str, threads: int) -> SimpleNamespace:
        done = original(folder, mode, threads)
        path = folder / "history.jsonl"
        path.write_text(path.read_text().replace("auc_ctcvr", "logloss_ctcvr"))
        return done

    original, search_module.Training = search_module.Training, in_words
    search(plan(tmp_path, objective="logloss_ctcvr", budget={"trials": 12}), restart=False)
    rows = [row for row in table(tmp_path) if row["state"] == "complete"]
    least = min(rows, key=lambda row: float(row["logloss_ctcvr"]))
    assert load(tmp_path / "out" / "best.yaml")[RATE] == float(least[RATE])


@pytest.mark.parametrize("when", [0, 6])
def test_a_search_that_was_killed_tries_what_it_would_have_tried(tmp_path, fake, when):
    whole = fake(planted)
    search(plan(tmp_path, budget={"trials": 11}), restart=False)
    expected = [{key: row[key] for key in ("state", "auc_ctcvr", *RANGES)} for row in table(tmp_path)]
    assert whole.begun == [str(number) for number in range(11)]

    (tmp_path / "again").mkdir()
    fake(planted, killed_at=when)
    with pytest.raises(KeyboardInterrupt):
        search(plan(tmp_path / "again", budget={"trials": 11}), restart=False)
    assert (tmp_path / "again" / "out" / "best.yaml").exists() == (when > 0)
    later = fake(planted)
    search(plan(tmp_path / "again", budget={"trials": 11}), restart=False)
    assert [{key: row[key] for key in expected[0]} for row in table(tmp_path / "again")] == expected
    assert later.begun[0] == str(when), "in the folder that it was in, where checkpoints may be"
    assert len(later.begun) == 11 - when

    done = fake(planted)
    search(plan(tmp_path / "again", budget={"trials": 11}), restart=False)
    assert done.begun == []
    search(plan(tmp_path / "again", budget={"trials": 12}), restart=False)
    assert len(done.begun) == 1, "a larger budget goes on"


def test_a_failed_trial_is_one_of_the_budget_and_not_the_best(tmp_path, fake):
    fake(lambda settings: "loss is not finite" if settings[RATE] > 0.003 else planted(settings))
    search(plan(tmp_path, budget={"trials": 12}), restart=False)
    rows = table(tmp_path)
    assert len(rows) == 12
    for row in rows:
        assert (row["state"] == "failed") == (float(row[RATE]) > 0.003)
        assert row["error"] == ("loss is not finite" if row["state"] == "failed" else "")
    assert "failed" in {row["state"] for row in rows}
    assert load(tmp_path / "out" / "best.yaml")[RATE] <= 0.003


def test_where_every_trial_fails_the_search_ends_and_says_why(tmp_path, fake):
    trainings = fake(lambda settings: "valid: no such data directory")
    with pytest.raises(UserError, match="3 trials failed and none succeeded; the last: valid: no such data"):
        search(plan(tmp_path), restart=False)
    assert len(trainings.begun) == 3
    assert not (tmp_path / "out" / "best.yaml").exists()


def test_an_objective_that_is_undefined_is_a_failure(tmp_path, fake):
    fake(lambda settings: [None, None])
    with pytest.raises(UserError, match="the last: auc_ctcvr is undefined"):
        search(plan(tmp_path), restart=False)


def test_several_at_a_time_try_different_values_and_no_more_than_the_budget(tmp_path, fake):
    trainings = fake(planted)
    search(plan(tmp_path, processes=4, budget={"trials": 9}), restart=False)
    assert len(trainings.begun) == len(set(trainings.begun)) == 9
    assert len({row[RATE] for row in table(tmp_path)}) == 9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tune": {"seed": 3}}, "tune.seed was 0, is 3"),
        ({"tune": {"ranges": {**RANGES, BATCH: {"low": 16, "high": 64}}}}, f"tune.ranges.{BATCH}.high was 128, is 64"),
        ({"overrides": ("runner.epochs=3",)}, "runner.epochs was 2, is 3"),
        ({"overrides": ("hyper_parameters.max_len=3",)}, "hyper_parameters.max_len was 0, is 3"),
        ({"data": "train"}, "the training data was"),
        ({"data": "valid"}, "the validation data was"),
    ],
)
def test_another_search_is_refused_by_what_differs(tmp_path, fake, change, said):
    fake(planted)
    search(plan(tmp_path, budget={"trials": 4}), restart=False)
    if "data" in change:
        write_lines(tmp_path / change["data"], tiny_lines(50, seed=5))
    changed = plan(tmp_path, change.get("overrides", ()), budget={"trials": 5}, **change.get("tune", {}))
    with pytest.raises(UserError, match=f"another kind.*: {said}.*--restart") as error:
        search(changed, restart=False)
    assert "\n" not in str(error.value)
    search(changed, restart=True)
    assert [row["trial"] for row in table(tmp_path)] == ["0", "1", "2", "3", "4"]


def test_what_a_range_replaces_may_change(tmp_path, fake):
    fake(planted)
    search(plan(tmp_path, budget={"trials": 2}), restart=False)
    search(plan(tmp_path, (f"{RATE}=0.5",), budget={"trials": 3}), restart=False)
    assert len(table(tmp_path)) == 3


def test_a_folder_without_a_study_is_not_emptied(tmp_path, fake):
    fake(planted)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    search(plan(tmp_path, budget={"trials": 2}), restart=True)
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"
    (tmp_path / "out" / "study.db").write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"study\.db: is no study"):
        search(plan(tmp_path, budget={"trials": 2}), restart=False)


def test_the_setting_that_matters_is_the_most_important(tmp_path, fake):
    fake(planted)
    given = plan(tmp_path, budget={"trials": 20})
    search(given, restart=False)
    found = importances(Study(given))
    assert found is not None
    assert next(iter(found)) == RATE
    assert sum(found.values()) == pytest.approx(1)
    with (tmp_path / "out" / "importance.csv").open() as file:
        assert {row["setting"]: float(row["importance"]) for row in csv.DictReader(file)} == found


def test_importances_of_few_trials_are_none(tmp_path, fake):
    fake(planted)
    given = plan(tmp_path, budget={"trials": 7})
    search(given, restart=False)
    assert importances(Study(given)) is None
    assert not (tmp_path / "out" / "importance.csv").exists()


def test_seconds_count_what_was_searched_and_no_pauses():
    """Two trials side by side from 0 to 10 and 4 to 12, and one after a pause, from 100 to 105: 12 + 5."""
    times = [(100, 105), (0, 10), (4, 12)]
    moments = [[datetime(2026, 1, 1) + timedelta(seconds=each) for each in both] for both in times]
    trials = [SimpleNamespace(datetime_start=begun, datetime_complete=ended) for begun, ended in moments]
    assert seconds(trials) == 17


def test_no_trial_begins_when_the_seconds_are_over(tmp_path, fake):
    fake(planted)
    search(plan(tmp_path, budget={"trials": 30, "seconds": 1e-6}), restart=False)
    assert len(table(tmp_path)) == 1
