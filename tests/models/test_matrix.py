"""Every command on every YAML that ships, in both graph modes, on small data; a YAML is trained once in each mode.

The commands are run as they stand in `tools/`, and judged by what they write.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from safetensors.numpy import load_file

import shipped
from commands import Commands

TRAINER = {"dygraph": "trainer", "static": "static_trainer"}
INFER = {"dygraph": "infer", "static": "static_infer"}
WEIGHTS = {"dygraph": "rec.safetensors", "static": "rec_static.safetensors"}

FIGURE = re.compile(r"(\w+): (-?[\d.]+|nan|inf)(?=, |$)")


class Processes:
    """One process for training and what goes with it, another for inference: in the first Paddle Inference aborts, as
    Python operators have run there. Both are replaced now and then: Paddle never frees a program."""

    USES = 12

    def __init__(self) -> None:
        self._started: dict[bool, Commands] = {}
        self._uses = 0

    def next(self) -> None:
        """Another YAML begins."""
        self._uses += 1
        if self._uses % self.USES == 0:
            self.close()

    def run(self, folder: Path, name: str, *arguments: object) -> Any:
        exports = name in ("to_static", "paddle_infer")
        if exports not in self._started:
            self._started[exports] = Commands()
        return self._started[exports](folder, name, *arguments)

    def close(self) -> None:
        for process in self._started.values():
            process.close()
        self._started.clear()


class Shipped:
    """A YAML that ships, run in a folder of its own."""

    def __init__(self, config: Path, folder: Path, processes: Processes) -> None:
        self.config, self.folder, self._run = config, folder, processes.run
        self._arguments = ["-m", config, "-o", *shipped.settings(config, folder)]

    def fail(self, name: str, *more: object) -> str:
        """What a command says that ends with a line for the user."""
        outcome = self._run(self.folder, name, *self._arguments, *more)
        assert outcome.code == 2, outcome.err
        return outcome.err

    def run(self, name: str, *more: object) -> str:
        """What a command prints and logs."""
        outcome = self._run(self.folder, name, *self._arguments, *more)
        assert outcome.code == 0, outcome.out + outcome.err
        return outcome.out + outcome.err

    @cached_property
    def trained(self) -> dict[str, str]:
        """Logs of training by mode; the checkpoints are in folders of the modes' names."""
        return {mode: self.run(TRAINER[mode], f"runner.model_save_path={mode}") for mode in TRAINER}

    @cached_property
    def weights(self) -> dict[str, dict[str, np.ndarray]]:
        """Weights by mode and name."""
        assert self.trained
        return {mode: load_file(self.folder / mode / "0" / WEIGHTS[mode]) for mode in WEIGHTS}

    @cached_property
    def inferred(self) -> dict[str, dict[str, np.ndarray]]:
        """What either mode predicts with the weights that were trained in dynamic graph, by mode and column."""
        assert self.trained
        for mode, name in INFER.items():
            self.run(name, "runner.infer_load_path=dygraph", f"runner.predict_save_path={mode}.parquet")
            (self.folder / "dygraph" / "0" / "metrics.json").rename(self.folder / f"{mode}.json")
        return {mode: self.predictions(f"{mode}.parquet") for mode in INFER}

    def predictions(self, file: str) -> dict[str, np.ndarray]:
        """The columns of a file of predictions."""
        table = pyarrow.parquet.read_table(self.folder / file)
        return {name: table[name].to_numpy() for name in table.column_names}

    def json(self, file: str) -> Any:
        """What a command wrote as JSON."""
        return json.loads((self.folder / file).read_text())


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    started = Processes()
    yield started
    started.close()


@pytest.fixture(scope="module", params=shipped.CONFIGS, ids=shipped.name)
def case(request, tmp_path_factory, processes) -> Shipped:
    processes.next()
    return Shipped(request.param, tmp_path_factory.mktemp("shipped"), processes)


def figures(line: str) -> dict[str, float]:
    """The figures of a log line by name, but not those of time."""
    return {name: float(value) for name, value in FIGURE.findall(line) if "time" not in name and name != "epoch"}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """Two files of predictions hold the same columns, to 1e-5."""
    assert list(a) == list(b)
    for name, values in a.items():
        np.testing.assert_allclose(b[name], values, rtol=1e-5, atol=1e-7, err_msg=name)


def test_training_is_alike_in_both_modes_and_nothing_warns(case):
    done = {mode: re.search(r"epoch: 0 done, (.*)", log)[1] for mode, log in case.trained.items()}
    found = {mode: figures(line) for mode, line in done.items()}
    assert {"loss"} < found["dygraph"].keys()
    assert all(map(math.isfinite, found["dygraph"].values())), done
    assert found["static"] == pytest.approx(found["dygraph"], rel=1e-3)
    weights, others = case.weights["dygraph"], case.weights["static"]
    assert weights.keys() == others.keys()
    for mode, log in case.trained.items():
        assert " - WARNING - " not in log, (mode, log)


@pytest.mark.parametrize("mode", TRAINER)
def test_a_dry_run_counts_the_parameters_that_a_checkpoint_has(case, mode):
    shown = case.run(TRAINER[mode], "--dry-run")
    total = int(re.search(r"total\s+│\s+([\d,]+)", shown)[1].replace(",", ""))
    assert total == sum(value.size for value in case.weights[mode].values())


def test_evaluation_is_alike_in_both_modes(case):
    same(case.inferred["dygraph"], case.inferred["static"])
    dynamic, static = (case.json(f"{mode}.json") for mode in INFER)
    assert dynamic["impressions"] == len(case.inferred["dygraph"]["sample_id"]) > 0
    assert dynamic["tasks"].keys() == static["tasks"].keys()
    for task, values in dynamic["tasks"].items():
        assert values["n"] > 0
        assert static["tasks"][task] == pytest.approx(values, rel=1e-5), task


def test_an_export_predicts_what_infer_does(case):
    expected = case.inferred["dygraph"]
    case.run("to_static", "runner.infer_load_path=dygraph")
    case.run("paddle_infer", "runner.infer_load_path=dygraph", "runner.predict_save_path=export.parquet")
    same(expected, case.predictions("export.parquet"))


@pytest.mark.parametrize("mode", TRAINER)
def test_the_doctor_finds_nothing_wrong(case, mode):
    case.run("doctor", "--mode", mode)
    report = case.json("doctor.json")
    assert report["counts"]["wrong"] == 0
    assert report["counts"]["ok"] > 5


def test_a_replay_has_the_same_losses_in_both_modes(case):
    """The batch is one that a learning rate beyond reason has spoilt; the weights are good ones."""
    assert case.trained
    told = case.fail("trainer", "runner.model_save_path=spoilt", "hyper_parameters.optimizer.learning_rate=1e38")
    assert "is not finite at epoch 0" in told
    (file,) = (case.folder / "spoilt").glob("not-finite*.npz")
    found = {}
    for mode, name in TRAINER.items():
        log = case.run(name, "runner.model_save_path=dygraph", f"runner.replay={file}")
        found[mode] = figures(re.search(r"the step: (.*)", log)[1])
    assert {"loss"} < found["dygraph"].keys()
    assert found["static"] == pytest.approx(found["dygraph"], rel=1e-4)
