"""Model directories written for PaddleRec's static mode and the old IR, as PIR programs: unmodified, in both tools."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from support import Tool, write_lines

DIRECTORIES = sorted((Path(__file__).parent / "directories").glob("static_*"))
SHOWN = {
    "auc_states": (["cost", "auc", "batch_auc", "positives"], ["auc"]),
    "whole_batches": (["loss", "auc"], ["auc"]),
    "two_tasks": (["cost", "auc_ctr", "auc_ctcvr"], ["auc_ctr", "auc_ctcvr"]),
    "regression": (["mse", "rate", "steps"], ["mae", "mse"]),
    "built_twice": (["cost", "auc", "seen"], ["auc"]),
    "lazy_mode": (["cost", "auc", "percent"], ["auc", "percent"]),
    "sequence": (["cost"], ["mean_probability"]),
    "inference": (["cost", "auc"], ["auc"]),
}


def exposures(count: int, seed: int) -> list[str]:
    """Lines `click buy price user item tag ...`: an item is clicked often or seldom, a user pays much or little."""
    random = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        user, item = random.integers(1, 20), random.integers(20, 40)
        tags = random.integers(40, 60, size=random.integers(1, 4))
        click = int(random.random() < (0.7 if item < 30 else 0.2))
        buy = int(click and random.random() < (0.6 if user < 10 else 0.2))
        price = (2.0 if user < 10 else 0.5) + random.normal(0, 0.2)
        lines.append(" ".join(map(str, [click, buy, f"{price:.3f}", user, item, *tags])))
    return lines


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Copies a directory beside data for it; returns the command line."""

    def copy(name: str) -> list[str]:
        folder = tmp_path / name
        shutil.copytree(Path(__file__).parent / "directories" / f"static_{name}", folder)
        write_lines(folder / "data" / "train", exposures(400, seed=1))
        write_lines(folder / "data" / "test", exposures(130, seed=2))  # three batches of 40, and a tail
        monkeypatch.chdir(tmp_path)
        return ["-m", str(folder / "config.yaml"), "-o", "runner.seed=3"]

    return copy


def done(log: str) -> list[dict[str, str]]:
    """The figures of each epoch's last line."""
    lines = [line.split(" done, ")[1] for line in log.splitlines() if " done, " in line]
    return [dict(re.findall(r"(\w+): ([^,]+), ", line)) for line in lines]


def succeed(tool: Tool, name: str, *arguments: object) -> str:
    outcome = tool(name, *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.err


@pytest.mark.parametrize("name", [path.name.removeprefix("static_") for path in DIRECTORIES])
def test_a_directory_trains_and_evaluates(name, place, tool: Tool):
    arguments = place(name)
    trained = done(succeed(tool, "static_trainer", *arguments))
    in_training, in_evaluation = SHOWN[name]
    assert set(trained[0]) == set(in_training)
    assert len(trained) == 3
    assert float(trained[2][in_training[0]]) < float(trained[0][in_training[0]])
    assert Path("output_model/2/rec_static.safetensors").is_file()

    evaluated = done(succeed(tool, "static_infer", *arguments))
    assert len(evaluated) == 3
    assert set(evaluated[0]) == set(in_evaluation)
    for figure in in_evaluation:
        assert np.isfinite(float(evaluated[2][figure]))
    if "auc" in in_evaluation:
        assert float(evaluated[2]["auc"]) > 0.65
    metrics = json.loads(Path("output_model/2/metrics.json").read_text())
    assert metrics["exposures"] == 130
