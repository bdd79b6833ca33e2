"""A model directory whose code fails is told in one line, with its place, in both graph modes."""

import shutil
from pathlib import Path

import pytest

from support import ESMM, ROOT, Tool

RATING = ROOT / "tests" / "contract" / "directories" / "regression_rating"
SLOTS = ROOT / "tests" / "contract" / "directories" / "static_lazy_mode"
RAISING = "    def __init__(self, *_):\n        raise RuntimeError('no licence')\n"
READER = "class RecDataset:\n    def __init__(self, file_list, config):\n        pass\n"


def one_line(outcome, *texts: str) -> None:
    assert outcome.code == 2
    (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in outcome.err
    for text in texts:
        assert text in line


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_model_of_ours_that_cannot_be_made(tool: Tool, tiny, tmp_path, name):
    folder = tmp_path / "esmm"
    shutil.copytree(ESMM, folder)
    for module in ("dygraph_model", "static_model"):
        with (folder / f"{module}.py").open("a") as file:
            file.write(f"\n{RAISING}")
    one_line(
        tool(name, "-m", folder / "config.yaml", *tiny[2:]), f"{folder}/", "_model.py:", "RuntimeError: no licence"
    )


@pytest.mark.parametrize(("name", "source"), [("trainer", RATING), ("static_trainer", SLOTS)])
def test_a_model_of_paddlerecs_that_cannot_be_made(tool: Tool, tmp_path, monkeypatch, name, source):
    folder = tmp_path / "directory"
    shutil.copytree(source, folder)
    module = folder / ("dygraph_model.py" if name == "trainer" else "static_model.py")
    class_line = next(line for line in module.read_text().splitlines() if line.startswith("class "))
    module.write_text(module.read_text().replace(class_line, f"{class_line}\n{RAISING}\nclass Another:"))
    monkeypatch.chdir(tmp_path)
    one_line(tool(name, "-m", folder / "config.yaml"), f"{module}:", "RuntimeError: no licence")


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_a_reader_that_is_none_of_ours(tool: Tool, tiny, tmp_path, name):
    reader = Path(tmp_path / "mine.py")
    reader.write_text(READER)
    outcome = tool(name, *tiny, f"runner.train_reader_path={reader.with_suffix('')}")
    one_line(outcome, "mine.py: RecDataset is no rec.data.reader.Reader")
