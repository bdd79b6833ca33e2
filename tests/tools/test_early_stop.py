"""Training ends where validations no longer get better, and goes on as if it had never been interrupted."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from support import Tool

RATE = "hyper_parameters.optimizer.learning_rate=0.05"  # overfits 600 lines
MODES = {"dynamic": ("trainer", "infer"), "static": ("static_trainer", "static_infer")}
STEPS = 19  # an epoch of 600 impressions, 32 each


def history(folder: str, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (Path(folder) / "history.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def values(folder: str, metric: str) -> dict[int, float]:
    """Of each validation, by step."""
    return {line["step"]: line["values"][metric] for line in history(folder, "valid")}


def expected_end(found: dict[int, float], patience: int) -> int:
    """The step at which training ends, by the rule's words: so many in a row that are not above the best before."""
    steps = sorted(found)
    for place in range(patience, len(steps)):
        before = max(found[step] for step in steps[: place - patience + 1])
        if all(found[step] <= before for step in steps[place - patience + 1 : place + 1]):
            return steps[place]
    return -1


@pytest.fixture
def options(tiny: list[str], tmp_path: Path) -> list[str]:
    return [*tiny, f"runner.valid_data_dir={tmp_path / 'test'}", "runner.epochs=12", RATE]


def weights(folder: Path) -> dict[str, bytes]:
    files = list(folder.glob("rec*.safetensors"))
    assert len(files) == 2
    return {name: value.tobytes() for file in files for name, value in load_file(file).items()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("within", [0, 7], ids=["epochs", "within epochs"])
def test_it_ends_where_it_should_and_the_best_is_what_is_used(tool: Tool, options, mode, within):
    trainer, infer = MODES[mode]
    stop = "runner.early_stop={metric: auc_ctcvr, patience: 3}"
    log = tool(trainer, *options, stop, f"runner.valid_steps={within}").err
    found = values("out", "auc_ctcvr")
    if within:
        assert {step for step in found if step % STEPS} == set(range(7, max(found) + 1, 7))
    else:
        assert list(found) == [STEPS * (n + 1) for n in range(len(found))]
    end = max(found)
    assert end == expected_end(found, 3) > 0
    best = max(found, key=lambda step: found[step])
    name = str(best // STEPS - 1) if best % STEPS == 0 else f"{best // STEPS}-batch{best % STEPS}"
    assert "stopped early: 3 validations without a better auc_ctcvr" in log
    assert re.search(rf"the best checkpoint: out/{name} \(auc_ctcvr {found[best]:.4f}\)", log)
    assert tool(infer, *options, stop).code == 0
    measured = [json.loads(path.read_text()) for path in Path("out").glob("*/metrics.json")]
    assert [each["auc_ctcvr"] for each in measured] == pytest.approx([found[best]], rel=1e-6)
    # Given once more, it has nothing to do; with more patience it goes on.
    assert "stopped early" in tool(trainer, *options, stop, "runner.resume=true").err
    assert max(values("out", "auc_ctcvr")) == end
    tool(
        trainer,
        *options,
        "runner.early_stop={metric: auc_ctcvr, patience: 5}",
        "runner.resume=true",
        f"runner.valid_steps={within}",
    )
    assert max(values("out", "auc_ctcvr")) > end


@pytest.mark.parametrize("mode", MODES)
def test_validation_within_an_epoch_changes_nothing_and_resumes_to_the_same(tool: Tool, options, mode):
    trainer, _ = MODES[mode]
    within = [
        "runner.valid_steps=7",
        "runner.save_steps=4",
        "runner.epochs=3",
        "runner.early_stop={metric: auc_ctr, patience: 50}",
    ]
    assert tool(trainer, *options, "runner.epochs=3", "runner.model_save_path=plain").code == 0
    log = tool(trainer, *options, *within, "runner.model_save_path=whole").err
    assert weights(Path("plain/2")) == weights(Path("whole/2"))
    assert [line["values"] for line in history("plain", "epoch")] == [
        line["values"] for line in history("whole", "epoch")
    ]
    assert [line["values"] for line in history("plain", "step")] == [
        line["values"] for line in history("whole", "step")
    ]
    # What a killed run leaves is an epoch, or a place within one: later folders and lines are of no account.
    for name in sorted(path.parent.name for path in Path("whole").glob("*/state.json")):
        if name == "2":
            continue
        shutil.copytree("whole", "killed")
        state = json.loads((Path("killed") / name / "state.json").read_text())
        for path in Path("killed").glob("*/state.json"):
            if json.loads(path.read_text())["saved"] > state["saved"]:
                shutil.rmtree(path.parent)
        resumed = tool(trainer, *options, *within, "runner.model_save_path=killed", "runner.resume=true")
        assert resumed.code == 0, resumed.err
        assert weights(Path("killed/2")) == weights(Path("whole/2")), name
        assert (Path("killed") / "history.jsonl").read_text() == (Path("whole") / "history.jsonl").read_text(), name
        (best,) = re.findall(r"the best checkpoint: whole/(\S+)", log)
        assert f"the best checkpoint: killed/{best} " in resumed.err
        shutil.rmtree("killed")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("early_stop={metric: auc_ctrr}", "runner.early_stop.metric: auc_ctrr is not measured (did you mean auc_ctr?)"),
        ("early_stop={metric: auc_ctr, patience: 0}", "runner.early_stop.patience should be greater than 0, got 0"),
        ("early_stop={patience: 1}", "runner.early_stop.metric"),
        ("early_stop={metric: auc_ctr, wait: 1}", "runner.early_stop.wait"),
        ("early_stop=auc_ctr", "runner.early_stop should be"),
        ("valid_data_dir=null", "runner.early_stop.metric needs runner.valid_data_dir"),
    ],
)
def test_what_is_refused(tool: Tool, options, given, expected):
    outcome = tool("trainer", *options, "runner.early_stop={metric: auc_ctr}", f"runner.{given}")
    assert outcome.code == 2
    assert expected in outcome.err
    assert "Traceback" not in outcome.err


def test_validation_steps_need_data(tool: Tool, tiny):
    outcome = tool("trainer", *tiny, "runner.valid_steps=5")
    assert outcome.code == 2
    assert "runner.valid_steps needs runner.valid_data_dir" in outcome.err
