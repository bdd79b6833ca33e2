"""PaddleRec-style directories, found by glob: each trains and evaluates unmodified; `static_*` are for static mode."""

import re
from pathlib import Path

import numpy as np
import paddle
import pytest

from support import Tool

HERE = Path(__file__).parent / "directories"
DIRECTORIES = sorted(p.parent for p in HERE.glob("*/dygraph_model.py") if not p.parent.name.startswith("static_"))
EPOCH = re.compile(r"epoch: (\d+) done, (.*)epoch time: [\d.]+ s$", re.M)


def done(log: str) -> list[dict[str, float]]:
    """The figures of each epoch's line."""
    return [
        {name: float(value) for name, value in re.findall(r"(\w+): (-?[\d.]+(?:e-?\d+)?), ", figures)}
        for _, figures in EPOCH.findall(log)
    ]


def arguments(directory: Path, *options: str) -> list[object]:
    return ["-m", directory / "config.yaml", "-o", "runner.print_interval=2", *options]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.name)
def test_a_directory_trains_and_evaluates(directory, tool: Tool, tmp_path):
    before = files(directory)
    outcome = tool("trainer", *arguments(directory))
    assert outcome.code == 0, outcome.err
    trained = done(outcome.err)
    assert trained[-1]["loss"] < trained[0]["loss"]

    (folder,) = tmp_path.glob("output_model_*")
    last = folder / str(len(trained) - 1)
    weights = paddle.load(str(last / "rec.pdparams"))
    assert weights
    assert all(np.isfinite(np.asarray(value)).all() for value in weights.values())
    assert (last / "rec.pdopt").is_file()

    outcome = tool("infer", *arguments(directory))
    assert outcome.code == 0, outcome.err
    evaluated = done(outcome.err)
    assert len(evaluated) == len(trained)
    assert all(evaluated)
    assert better_than_guessing(evaluated[-1])

    outcome = tool("trainer", *arguments(directory, f"runner.model_init_path={last}", "runner.model_save_path=warm"))
    assert outcome.code == 0, outcome.err
    assert done(outcome.err)[0]["loss"] < trained[0]["loss"]
    assert files(directory) == before


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if "__pycache__" not in path.parts)


def better_than_guessing(figures: dict[str, float]) -> bool:
    aucs = [value for name, value in figures.items() if name.startswith(("auc", "right", "acc"))]
    return min(aucs) > 0.55 if aucs else figures["mae"] < 1.0


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda path: path.name)
def test_a_directory_resumes_bit_for_bit(directory, tool: Tool):
    assert tool("trainer", *arguments(directory, "runner.model_save_path=whole", "runner.epochs=2")).code == 0
    assert tool("trainer", *arguments(directory, "runner.model_save_path=parts", "runner.epochs=1")).code == 0
    outcome = tool("trainer", *arguments(directory, "runner.model_save_path=parts", "runner.epochs=2", "last_epoch=0"))
    assert outcome.code == 0, outcome.err
    for file in ("rec.pdparams", "rec.pdopt"):
        assert (Path("whole/1") / file).read_bytes() == (Path("parts/1") / file).read_bytes()
