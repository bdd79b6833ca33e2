"""How weights move, from the config to the weights: against NumPy, in both modes, and resumed to the same bits."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from support import Tool

MODES = {"dynamic": ("trainer", "rec"), "static": ("static_trainer", "rec_static")}
SGD = ["hyper_parameters.optimizer={class: SGD, learning_rate: 1.0}", "runner.shuffle=false"]
STEPS = 19  # an epoch of 600 impressions, 32 each


def train(tool: Tool, mode: str, tiny: list[str], folder: str, *options: str) -> dict[str, np.ndarray]:
    trainer, prefix = MODES[mode]
    outcome = tool(trainer, *tiny, f"runner.model_save_path={folder}", "runner.epochs=1", *options)
    assert outcome.code == 0, outcome.err
    (newest,) = (path for path in Path(folder).glob("[0-9]") if path.is_dir())
    return load_file(newest / f"{prefix}.safetensors")


@pytest.fixture
def one_step(tiny: list[str]) -> list[str]:
    """A batch of all rows, so that an epoch is one update."""
    return [*tiny, *SGD, "runner.train_batch_size=600"]


@pytest.mark.parametrize("mode", MODES)
def test_one_clipped_step(tool: Tool, one_step, mode):
    """With plain SGD the move is the gradient: its norm over network and table is what the setting says."""
    initial = train(tool, mode, one_step, "initial", "hyper_parameters.optimizer.learning_rate=1e-30")
    free = train(tool, mode, one_step, "free")
    gradient = {name: initial[name] - free[name] for name in free}
    norm = np.sqrt(sum(np.sum(each.astype(np.float64) ** 2) for each in gradient.values()))
    clipped = train(tool, mode, one_step, "clipped", f"hyper_parameters.optimizer.clip_norm={norm / 4}")
    for name, each in gradient.items():
        assert initial[name] - clipped[name] == pytest.approx(each / 4, rel=2e-3, abs=3e-7), name
    largest = max(np.abs(each).max() for each in gradient.values())
    cut = train(tool, mode, one_step, "cut", f"hyper_parameters.optimizer.clip_value={largest / 3}")
    for name, each in gradient.items():
        assert initial[name] - cut[name] == pytest.approx(np.clip(each, -largest / 3, largest / 3), abs=3e-7), name


@pytest.mark.parametrize("mode", MODES)
def test_rates_are_those_of_the_formula(tool: Tool, tiny, tmp_path, mode):
    """A rate that falls to 0 at once leaves the weights where the first update put them."""
    section = "{class: SGD, learning_rate: {schedule: step, start: 0.5, every: 1, factor: 1.0e-30}}"
    whole = train(tool, mode, tiny, "whole", "runner.shuffle=false", f"hyper_parameters.optimizer={section}")
    lines = [json.loads(line) for line in Path("whole/history.jsonl").read_text().splitlines()]
    shown = [line["values"] for line in lines if line["kind"] == "step"]
    assert shown[0]["learning_rate"] == shown[0]["table_learning_rate"] == 0.5
    assert shown[1]["learning_rate"] == pytest.approx(0.0, abs=1e-30)
    (tmp_path / "first").mkdir()
    lines = next((tmp_path / "train").iterdir()).read_text().splitlines(keepends=True)
    (tmp_path / "first" / "part").write_text("".join(lines[:32]))
    constant = "hyper_parameters.optimizer={class: SGD, learning_rate: 0.5}"
    first = train(tool, mode, tiny, "step", "runner.shuffle=false", constant, f"runner.train_data_dir={tmp_path}/first")
    for name, value in first.items():
        assert (whole[name] == value).all(), name


def valid(tiny: list[str]) -> list[str]:
    test = next(option for option in tiny if option.startswith("runner.test_data_dir"))
    return [test.replace("test_data_dir", "valid_data_dir")]


ALL = [
    "hyper_parameters.optimizer={class: Adam, clip_norm: 0.5, clip_value: 0.1, ema: 0.9, accumulate: 2, "
    "learning_rate: {schedule: cosine, start: 0.02, end: 0.001, warmup_steps: 5}}",
    "hyper_parameters.table_optimizer={class: Adagrad, l2: 0.001, weight_decay: 0.01, learning_rate: {schedule: "
    "plateau, start: 0.05, factor: 0.5, metric: auc_ctr, min_delta: 0.02}}",
    "runner.valid_steps=4", "runner.early_stop={metric: auc_ctcvr, patience: 50}", "runner.print_interval=1",
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_all_at_once_resumed_to_the_same_bits(tool: Tool, tiny, mode):
    trainer, prefix = MODES[mode]
    options = [*tiny, *valid(tiny), *ALL, "runner.epochs=2"]
    whole = tool(trainer, *options, "runner.model_save_path=whole")
    assert whole.code == 0, whole.err
    assert "table_optimizer: no better for a while: its learning rate is 0.5 times what it was" in whole.err
    for name in sorted(path.parent.name for path in Path("whole").glob("*/state.json")):
        if name == "1":
            continue
        shutil.copytree("whole", "killed")
        saved = json.loads((Path("killed") / name / "state.json").read_text())["saved"]
        for path in Path("killed").glob("*/state.json"):
            if json.loads(path.read_text())["saved"] > saved:
                shutil.rmtree(path.parent)
        resumed = tool(trainer, *options, "runner.model_save_path=killed", "runner.resume=true")
        assert resumed.code == 0, resumed.err
        for path in Path("whole/1").glob(f"{prefix}*.safetensors"):
            own = load_file(path)
            assert {k: v.tobytes() for k, v in own.items()} == {
                k: v.tobytes() for k, v in load_file(Path("killed/1") / path.name).items()
            }, name
        assert Path("killed/history.jsonl").read_text() == Path("whole/history.jsonl").read_text()
        shutil.rmtree("killed")
    # A rate that ends with the last epoch ends elsewhere if there are more of them.
    longer = tool(trainer, *options, "runner.model_save_path=whole", "runner.resume=true", "runner.epochs=3")
    assert longer.code == 2
    assert f"updates of all of runner.epochs was {2 * STEPS}, is {3 * STEPS}" in longer.err


def test_a_schedule_ends_with_the_batches_that_there_are(tool: Tool, tiny):
    """Where each epoch draws its negatives, there are fewer than the rows would make."""
    rate = "hyper_parameters.optimizer={class: SGD, learning_rate: {schedule: linear, start: 1.0}}"
    options = ["data.negative_rate=0.2", "runner.epochs=2", "runner.print_interval=1", "runner.model_save_path=out"]
    outcome = tool("trainer", *tiny, rate, *options)
    assert outcome.code == 0, outcome.err
    lines = [json.loads(line) for line in Path("out/history.jsonl").read_text().splitlines()]
    shown = [line["values"]["learning_rate"] for line in lines if line["kind"] == "step"]
    assert len(shown) < 2 * STEPS
    assert shown == pytest.approx([1 - step / len(shown) for step in range(len(shown))])


@pytest.mark.parametrize("mode", MODES)
def test_averages_of_the_weights(tool: Tool, tiny, mode):
    """Training is as without; what is saved and evaluated is the average of what it came to after each update."""
    trainer, prefix = MODES[mode]
    options = [*tiny, *valid(tiny), "runner.train_batch_size=600", "runner.epochs=5"]  # an update each
    for folder, more in (("plain", ""), ("ema", ", ema: 0.8")):
        section = f"hyper_parameters.optimizer={{class: Adagrad, learning_rate: 0.05{more}}}"
        outcome = tool(trainer, *options, f"runner.model_save_path={folder}", section)
        assert outcome.code == 0, outcome.err
    iterates = [load_file(f"plain/{n}/{prefix}.safetensors") for n in range(5)]
    optimizer = load_file(f"ema/4/{prefix}.opt.safetensors")
    counts = 0.8 ** np.arange(4, -1, -1)
    for name, value in load_file(f"ema/4/{prefix}.safetensors").items():
        expected = sum(c * each[name].astype(np.float64) for c, each in zip(counts, iterates, strict=True))
        assert value == pytest.approx(expected / counts.sum(), rel=1e-5, abs=1e-6), name
        assert optimizer[f"{name}/moved"].tobytes() == iterates[-1][name].tobytes(), name
    validated = json.loads(Path("ema/4/state.json").read_text())["metrics"]
    given = [*options, section, "runner.infer_load_path=ema", "runner.infer_start_epoch=4", "runner.infer_end_epoch=5"]
    outcome = tool(trainer.replace("trainer", "infer"), *given)
    assert outcome.code == 0, outcome.err
    judged = json.loads(Path("ema/4/metrics.json").read_text())["tasks"]
    assert validated["logloss_ctr"] == pytest.approx(judged["ctr"]["logloss"], rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("more", ["", ", clip_norm: 0.05"])
def test_several_batches_make_one_update(tool: Tool, tiny, mode, more):
    """Six batches of 100 move as one of 600 does: ESMM's losses are both means over all impressions."""
    section = "hyper_parameters.optimizer={{class: Adam, learning_rate: 0.05, ema: 0.5{}}}"
    one = ["runner.train_batch_size=600", section.format(more)]
    six = ["runner.train_batch_size=100", section.format(f"{more}, accumulate: 6")]
    four = ["runner.train_batch_size=150", section.format(f"{more}, accumulate: 40")]  # the epoch's end makes it
    whole, *parts = (train(tool, mode, tiny, str(n), *given) for n, given in enumerate((one, six, four)))
    for found in parts:
        for name, value in whole.items():
            assert found[name] == pytest.approx(value, rel=1e-3, abs=2e-6), name


def test_both_modes_move_alike(tool: Tool, tiny):
    found = [train(tool, mode, [*tiny, *valid(tiny), *ALL], mode) for mode in MODES]
    for name, value in found[0].items():
        assert found[1][name] == pytest.approx(value, rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("optimizer.learning_rate={schedule: linear}", "optimizer.learning_rate.start: Field required"),
        ("optimizer.learning_rate={schedule: plateau, start: 0.1}", "a plateau is seen on validation data"),
        ("optimizer.clip_norm=-1", "optimizer.clip_norm should be a number not below 0, got -1"),
        ("optimizer.l2=0.1", "optimizer.l2 is not a setting of Adam"),
        ("optimizer.ema=1", "optimizer.ema should be a decay between 0 and 1 such as 0.999, got 1"),
        ("table_optimizer={class: SGD, ema: 0.9}", "table_optimizer.ema is not a setting of SGD"),
        ("optimizer.accumulate=0", "optimizer.accumulate should be how many batches make an update, 1 or more, got 0"),
        (
            "optimizer={class: SGD, learning_rate: 1.0, accumulate: 4} runner.save_steps=6",
            "runner.save_steps should be a multiple of optimizer.accumulate, 4, got 6",
        ),
        ("optimizer.epsilon=0", "optimizer.epsilon should be above 0, got 0: without it a gradient of 0 is divided"),
        ("table_optimizer={class: Adagrad, epsilon: 0.0}", "table_optimizer.epsilon should be above 0, got 0.0"),
        ("optimizer.clip_norm=0", "optimizer.clip_norm should be above 0, got 0: leave it out to clip nothing"),
    ],
)
def test_what_is_refused(tool: Tool, tiny, given, expected):
    outcome = tool("trainer", *tiny, *f"hyper_parameters.{given}".replace(" runner", "\nrunner").split("\n"))
    assert outcome.code == 2
    assert expected in outcome.err
    assert not re.search("Traceback", outcome.err)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_warm_up_that_does_not_end_is_warned_of(tool: Tool, tiny, schedule):
    """600 lines by 32, two epochs: 38 updates."""
    for steps in (38, 39):
        rate = f"{{schedule: {schedule}, start: 0.02, warmup_steps: {steps}}}"
        outcome = tool("trainer", *tiny, f"hyper_parameters.optimizer.learning_rate={rate}", "--dry-run")
        assert outcome.code == 0, outcome.err
        said = "warmup_steps is 39, and the whole training makes 38 updates: the rate does not come to its start, 0.02"
        assert (said in outcome.err) is (steps == 39)
