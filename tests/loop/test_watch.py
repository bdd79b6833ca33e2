"""Warnings of running trainings, in both modes and for PaddleRec's directories; batches kept for a replay."""

import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rec.data.batch import Bags, Batch
from rec.data.batch_file import load_batch, save_batch
from rec.errors import UserError
from rec.loop.failure import advice
from rec.loop.usable import check_losses
from rec.metrics.task import Task
from shipped import MODELS
from support import Tool, write_lines

DEAD = -9.0
"""The bias of a dead expert in a gate whose other biases and weights are 0."""
PLANTED = {  # a model directory, which expert of which gates is dead, and how that is told
    "mmoe": ({"sharing.gates.0": 2, "sharing.gates.1": 2}, "gate_experts: expert 2 of 4", 4),
    # the click's second own expert, which only the click's gate and the shared one may ask
    "ple": ({"sharing.levels.0.gates.0": 1, "sharing.levels.0.shared_gate": 1}, "gate_level_0: expert 1 of 6", 4),
}


@pytest.mark.parametrize("directory", PLANTED)
@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_dead_expert_is_told_once_in_either_mode(tool: Tool, tmp_path, monkeypatch, directory, name):
    monkeypatch.chdir(tmp_path)
    dead, told, num_expert = PLANTED[directory]
    arguments = ["-m", MODELS / "multitask" / directory / "config.yaml", "-o", "runner.epochs=1"]
    outcome = tool(name, *arguments, "runner.model_save_path=healthy")
    assert outcome.code == 0, outcome.err
    assert " - WARNING - " not in outcome.err
    file = Path("healthy/0") / ("rec.safetensors" if name == "trainer" else "rec_static.safetensors")
    weights = load_file(file)
    for gate, expert in dead.items():
        weights[f"{gate}.weight"][:] = weights[f"{gate}.bias"][:] = 0.0
        weights[f"{gate}.bias"][0, expert] = DEAD
    Path("planted").mkdir()
    save_file(weights, Path("planted") / file.name)
    slow = ["runner.epochs=2", "hyper_parameters.optimizer.learning_rate=1e-6"]
    outcome = tool(name, *arguments, *slow, "runner.model_init_path=planted", "runner.model_save_path=again")
    assert outcome.code == 0, outcome.err
    lines = [line for line in outcome.err.splitlines() if " - WARNING - " in line]
    assert len(lines) == 1, lines
    assert f"{told} is dead at epoch 0, batch 20: its mean weight over 21 steps" in lines[0]
    weight = math.exp(DEAD) / (math.exp(DEAD) + num_expert - 1)
    assert f" is {weight:.2g}; " in lines[0]
    assert "gate_" not in " ".join(line for line in outcome.err.splitlines() if "batch_id" in line)


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_loss_spike_in_either_mode(tool: Tool, tiny, tmp_path, name):
    # The towers learn that user 1 never clicks; 32 lines of the opposite in one batch are a shock.
    lines = [f"{i},{int(i % 2)},0,user:{i % 2},item:{20 + i % 2}" for i in range(64 * 32)]
    for i in range(60 * 32, 61 * 32):
        lines[i] = f"{i},{int(i % 2 == 0)},0,user:{i % 2},item:{20 + i % 2}"
    write_lines(tmp_path / "train", lines)
    options = ["runner.shuffle=false", "runner.epochs=1", "hyper_parameters.optimizer.learning_rate=0.05"]
    outcome = tool(name, *tiny, *options)
    assert outcome.code == 0, outcome.err
    spikes = [line for line in outcome.err.splitlines() if "loss spike" in line]
    assert len(spikes) == 1
    assert "loss spike at epoch 0, batch 60: " in spikes[0]


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_the_batch_of_a_loss_that_is_not_finite_is_kept_and_replayed(tool: Tool, tiny, name):
    assert tool(name, *tiny, "runner.epochs=1").code == 0
    rate = "hyper_parameters.optimizer.learning_rate=1e38"
    outcome = tool(name, *tiny, rate, "runner.overwrite=true")
    assert outcome.code == 2
    (file,) = Path("out").glob("not-finite-*.npz")
    last = outcome.err.splitlines()[-1]
    assert "loss_ctr" in last
    assert f"the batch is {file}: -o runner.replay={file} trains on it alone" in last
    batch, facts = load_batch(file)
    assert f"epoch {facts['epoch']}, batch {facts['batch']} (step {facts['step']})" in last
    assert len(batch) in (32, 600 % 32)
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    outcome = tool(name, *tiny, f"runner.replay={file}", rate)
    # With the checkpoint's weights the batch is harmless; what spoilt them was the step before it.
    assert outcome.code == 0, outcome.err
    assert "before the step, pctr: mean 0." in outcome.err
    assert "with these weights the loss is finite" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before


def test_detecting_may_be_switched_off(tool: Tool, tiny):
    rate = "hyper_parameters.optimizer.learning_rate=1e38"
    outcome = tool("trainer", *tiny, "runner.detect_nan=false", rate)
    assert outcome.err.count("is not finite at epoch 0, batch") == 1
    assert outcome.code == 2  # weights that are not finite make no checkpoint
    assert "no checkpoint is made of that" in outcome.err.splitlines()[-1]


PADDLEREC_MODEL = """
import paddle

class DygraphModel():
    steps = 0

    def create_model(self, config):
        return paddle.nn.Linear(1, 1)

    def create_optimizer(self, dy_model, config):
        return paddle.optimizer.SGD(learning_rate=0.001, parameters=dy_model.parameters())

    def create_metrics(self):
        return [], []

    def train_forward(self, dy_model, metrics, batch, config):
        self.steps += 1
        factor = {50: 1000.0, 60: float("nan")}.get(self.steps, 1.0)
        loss = paddle.nn.functional.square_error_cost(dy_model(batch[0]), batch[1]).mean() * factor
        return loss, metrics, None

    def infer_forward(self, dy_model, metrics, batch, config):
        return metrics, {"prediction": dy_model(batch[0])}
"""
PADDLEREC_READER = """
import numpy as np
from paddle.io import IterableDataset

class RecDataset(IterableDataset):
    def __init__(self, file_list, config):
        super().__init__()

    def __iter__(self):
        for row in range(4000):
            yield [np.array([row % 7], "float32"), np.array([row % 5], "float32")]
"""
PADDLEREC_CONFIG = """
runner: {train_data_dir: data, train_reader_path: reader, train_batch_size: 50, print_interval: 20}
hyper_parameters: {}
"""


def test_a_paddlerec_directory_is_watched_too(tool: Tool, tmp_path, monkeypatch):
    folder = tmp_path / "line"
    write_lines(folder / "data", ["unused"])
    (folder / "dygraph_model.py").write_text(PADDLEREC_MODEL)
    (folder / "reader.py").write_text(PADDLEREC_READER)
    (folder / "config.yaml").write_text(PADDLEREC_CONFIG)
    monkeypatch.chdir(tmp_path)
    outcome = tool("trainer", "-m", folder / "config.yaml")
    assert outcome.err.count("loss spike at epoch 0, batch 49: ") == 1
    assert outcome.code == 2
    assert "loss is not finite at epoch 0, batch 59 (step 60); no checkpoint was written yet" in outcome.err
    (file,) = Path("model_output").glob("not-finite-*.npz")
    arrays, facts = load_batch(file)
    assert facts == {"epoch": 0, "batch": 59, "step": 60}
    assert arrays[0].reshape(-1).tolist() == [row % 7 for row in range(59 * 50, 60 * 50)]
    outcome = tool("trainer", "-m", folder / "config.yaml", "-o", f"runner.replay={file}")
    assert outcome.code == 0, outcome.err
    assert "weights: initial ones" in outcome.err


def batch() -> Batch:
    bags = Bags(2, np.array([0, 1, 1], np.int32), np.array([0, 1, 2, 3, 3], np.int32), np.ones(3, np.float32))
    shared = Bags(1, np.array([2], np.int32), np.array([0, 1], np.int32), None, np.array([0, 0], np.int32))
    labels = {"click": np.array([1, 0], np.float32)}
    return Batch(np.array([5, 9, 7]), (bags, shared), labels, np.array([b"a", b"bc"]), np.array([False, True]))


def test_a_batch_comes_back_from_its_file(tmp_path):
    save_batch(tmp_path / "b.npz", batch(), {"epoch": 3})
    found, facts = load_batch(tmp_path / "b.npz")
    assert facts == {"epoch": 3}
    assert repr(found) == repr(batch())
    assert [path.name for path in tmp_path.iterdir()] == ["b.npz"]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.bags[0].positions.__setitem__(0, 3),
        lambda b: b.bags[0].positions.__setitem__(0, -1),
        lambda b: b.bags[0].offsets.__setitem__(1, 5),
        lambda b: b.bags[1].row_index.__setitem__(0, 1),
        lambda b: b.labels.__setitem__("click", np.zeros(3, np.float32)),
    ],
)
def test_a_saved_batch_that_reaches_out_of_range_is_refused(tmp_path, change):
    bad = batch()
    change(bad)
    save_batch(tmp_path / "b.npz", bad, {})
    with pytest.raises(UserError, match="do not fit each other"):
        load_batch(tmp_path / "b.npz")


def test_what_is_no_saved_batch_is_refused(tool: Tool, tiny, tmp_path):
    (tmp_path / "x.npz").write_text("nothing")
    for name, message in (("x.npz", "is no saved batch"), ("none.npz", "no such file")):
        outcome = tool("trainer", *tiny, f"runner.replay={tmp_path / name}")
        assert outcome.code == 2
        assert message in outcome.err.splitlines()[-1]
    save_batch(tmp_path / "b.npz", batch(), {})
    outcome = tool("trainer", *tiny, f"runner.replay={tmp_path / 'b.npz'}")
    assert "holds a batch of other fields or labels" in outcome.err.splitlines()[-1]


def test_a_loss_that_trains_nothing_is_told(caplog):
    """A weight of 0 in every row, or requests of one impression each; a loss of 0 on average has been 0 throughout."""
    check_losses({"loss": 0.7, "loss_ctr": 0.7, "loss_ctr_pairs": 0.0, "loss_like": 0.0, "clipped_clicks": 0.0}, "rows")
    assert caplog.messages == [
        "rows: loss_ctr_pairs was 0 in every step and trains nothing: no two impressions of one request_id in a batch, "
        "one with and one without the behaviour",
        "rows: loss_like was 0 in every step and trains nothing: is its sample_weight 0 in every row?",
    ]


def test_advice_names_what_is_at_fault_in_the_batch():
    seconds = Task("seconds", "watch", kind="regression")
    bad = batch()
    bad.labels |= {"watch": np.array([0.0, 1e30], np.float32), "price": np.array([1.0, np.nan], np.float32)}
    said = advice(["loss_seconds"], bad, [seconds])
    assert said.startswith("Try a smaller hyper_parameters.optimizer.learning_rate")
    assert said.endswith(", or look at watch, which goes from 0 to 1e+30 there")
    assert "watch" not in advice(["loss_ctr"], bad, [seconds])
    bad.labels["price"][0] = 1e30
    assert advice(["loss_ctr"], bad, [seconds]).endswith(", or look at price, which goes up to 1e+30 there")
    bad.labels["watch"][0] = np.inf
    assert (
        advice(["loss_seconds"], bad, [seconds])
        == "In the batch watch is infinite in 1 of 2 impressions: mend the data"
    )
    bad = batch()
    bad.bags[0].weights[1] = np.nan
    assert advice(["loss_ctr"], bad, []) == "In the batch 1 of 3 token weights are not finite: mend the data"
    rows = [np.zeros((2, 1), np.float32), np.array([[1.0], [np.inf]], np.float32), np.zeros(2, np.int64)]
    assert advice(["loss"], rows, []) == "In the batch array 1 of 3 holds values that are not finite: mend the data"


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_checkpoint_of_a_run_before_is_not_called_the_last_good_one(tool: Tool, tiny, name):
    assert tool(name, *tiny, "runner.epochs=1").code == 0
    options = ["hyper_parameters.optimizer.learning_rate=1e38", "runner.overwrite=true"]
    last = tool(name, *tiny, *options).err.splitlines()[-1]
    assert "no checkpoint was written yet" in last
    assert "out/0" not in last
