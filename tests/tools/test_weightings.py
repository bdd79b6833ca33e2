"""What a weighting remembers is in the checkpoint; which tasks help each other is in the log."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from support import ROOT, Tool

WEIGHTINGS = [
    "{kind: dwa, steps: 5}",
    "{kind: random}",
    "{kind: mgda, normalize: norm}",
    "{kind: cagrad}",
    "{kind: famo}",
]
SMALL = "hyper_parameters.tower_fc_sizes=[8]"


def arrays(folder: Path) -> dict[str, bytes]:
    files = sorted(folder.glob("rec*.safetensors"))
    assert len(files) == 2
    return {name: value.tobytes() for file in files for name, value in load_file(file).items()}


@pytest.fixture
def options(tiny: list[str]) -> list[str]:
    """MMoE on tiny lines: 19 steps an epoch."""
    directory = str(ROOT / "models" / "multitask" / "mmoe" / "config.yaml")
    own = [option for option in tiny[3:] if "ctr_fc_sizes" not in option and "cvr_fc_sizes" not in option]
    return ["-m", directory, "-o", *own, SMALL]


@pytest.mark.parametrize("mode", ["", "static_"])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_a_resumed_run_ends_bit_for_bit_the_same(mode, weighting, tool: Tool, options):
    options = [*options, f"hyper_parameters.weighting={weighting}"]
    outcome = tool(f"{mode}trainer", *options, "runner.model_save_path=whole")
    assert outcome.code == 0, outcome.err
    for more in ("runner.epochs=1", "runner.resume=true"):  # in the middle of a period of 5 steps
        assert tool(f"{mode}trainer", *options, "runner.model_save_path=half", more).code == 0
    assert arrays(Path("half/1")) == arrays(Path("whole/1"))
    fixed = tool(f"{mode}trainer", *options, "hyper_parameters.weighting={kind: fixed}", "runner.model_save_path=fixed")
    assert fixed.code == 0, fixed.err
    name = "embedding.weight"
    assert arrays(Path("fixed/1"))[name] != arrays(Path("whole/1"))[name]


@pytest.mark.parametrize("mode", ["", "static_"])
def test_another_weighting_is_another_run(mode, tool: Tool, options):
    options = [*options, "hyper_parameters.weighting={kind: dwa, steps: 5}"]
    assert tool(f"{mode}trainer", *options, "runner.epochs=1").code == 0
    for more in ("runner.resume=true", "runner.print_interval=7"):
        outcome = tool(f"{mode}trainer", *options, "hyper_parameters.weighting.steps=6", more)
        assert outcome.code == 2
        assert "weighting" in outcome.err.splitlines()[-1]


def test_a_period_has_to_be_named(tool: Tool, options):
    outcome = tool("trainer", *options, "hyper_parameters.weighting={kind: dwa}")
    assert outcome.code == 2
    assert "dwa.steps" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("mode", ["", "static_"])
def test_cosines_are_in_the_log_and_change_nothing(mode, tool: Tool, options):
    plain = tool(f"{mode}trainer", *options, "runner.model_save_path=plain", "runner.epochs=1")
    outcome = tool(f"{mode}trainer", *options, "runner.gradient_cosines=true", "runner.epochs=1")
    assert (plain.code, outcome.code) == (0, 0), outcome.err
    assert "cosine_ctr" not in plain.err
    assert arrays(Path("plain/0")) == arrays(Path("out/0"))
    lines = [json.loads(line) for line in Path("out/history.jsonl").read_text().splitlines()]
    (name,) = {name for line in lines for name in line["values"] if name.startswith("cosine_")}
    found = [line["values"][name] for line in lines if line["kind"] in ("step", "epoch")]
    assert len(found) == 5  # four intervals and the epoch
    assert all(-1 <= value <= 1 for value in found)
    assert len(re.findall(rf"{name}: -?[\d.]+, ", outcome.err)) == 5


def test_both_modes_find_the_same_cosines(tool: Tool, options):
    for mode in ("", "static_"):
        more = [f"runner.model_save_path=m{mode}", "runner.gradient_cosines=true", "runner.epochs=1"]
        assert tool(f"{mode}trainer", *options, *more).code == 0
    dynamic, static = (
        [value for line in map(json.loads, Path(folder, "history.jsonl").read_text().splitlines())
         for name, value in line["values"].items() if name.startswith("cosine")]
        for folder in ("m", "mstatic_")
    )  # fmt: skip
    assert dynamic == pytest.approx(static, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("hyper_parameters.behaviours={click: }", "there is one loss, ctr"),
        ("hyper_parameters.sharing={kind: separate}", "each task has embeddings of its own"),
    ],
)
@pytest.mark.parametrize("mode", ["", "static_"])
def test_cosines_of_nothing_shared_are_refused(mode, option, why, tool: Tool, options):
    outcome = tool(f"{mode}trainer", *options, option, "runner.gradient_cosines=true")
    assert outcome.code == 2
    assert why in outcome.err.splitlines()[-1]


def test_cosines_of_paddlerec_s_models_are_refused(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = ROOT / "tests" / "contract" / "directories" / "rows_fm" / "config.yaml"
    outcome = tool("trainer", "-m", directory, "-o", "runner.gradient_cosines=true")
    assert outcome.code == 2
    assert "runner.gradient_cosines: PaddleRec's models do not tell" in outcome.err.splitlines()[-1]


@pytest.mark.parametrize("mode", ["", "static_"])
def test_famo_looks_at_each_batch_once_more_after_the_step(mode, tool: Tool, options):
    """One step: xi's first step of Adam is its learning rate, up for the loss that fell less than the mean of both."""
    one = ["runner.train_batch_size=600", "runner.epochs=1"]
    assert tool(f"{mode}trainer", *options, "hyper_parameters.weighting={kind: famo}", *one).code == 0
    (file,) = [path for path in Path("out/0").glob("rec*.safetensors") if ".opt" not in path.name]
    kept = load_file(file)["weighting.kept"]
    assert kept[3].tolist() == [1, 1]
    assert sorted(kept[0]) == pytest.approx([-0.025, 0.025], rel=1e-3)
    # The same data, order and weights, evaluated before and after the step by a run that takes two of them.
    again = [*one[:1], "runner.epochs=2", "runner.print_interval=1", "runner.model_save_path=two"]
    assert tool(f"{mode}trainer", *options, "hyper_parameters.weighting={kind: famo}", *again).code == 0
    lines = [json.loads(line) for line in Path("two/history.jsonl").read_text().splitlines()]
    first, second = (line["values"] for line in lines if line["kind"] == "step")
    change = np.log([first[f"loss_{name}"] / second[f"loss_{name}"] for name in ("ctr", "ctcvr")])
    slope = (change - change.mean()) / 2  # z = (1/2, 1/2)
    np.testing.assert_allclose(kept[1], 0.1 * slope, rtol=2e-3)
