"""Settings of PaddleRec's that do nothing here, as they did nothing there or belong to its servers: each is told."""

import shutil
from pathlib import Path

import pytest

from support import Tool, write_lines

DIRECTORIES = Path(__file__).parent / "directories"
FLAT = "learning_rate=lr"
SCHEDULE = "learning_rate=paddle.optimizer.lr.ExponentialDecay(0.01, 0.5)"


def warnings(log: str) -> list[str]:
    return [line.partition(" - WARNING - ")[2] for line in log.splitlines() if " - WARNING - " in line]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a dynamic model, copied."""
    shutil.copytree(DIRECTORIES / "regression_rating", tmp_path / "rating")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rating"


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_of_a_directory_of_ours_too(tool: Tool, tiny, prefix):
    """They are no mistakes, and were refused."""
    given = ["runner.use_fleet=true", "runner.thread_num=8", "runner.sync_mode=async", "runner.use_xpu=false"]
    outcome = tool(f"{prefix}trainer", *tiny, *given)
    assert outcome.code == 0, outcome.err
    said = [line.split(": ", 1)[1] for line in warnings(outcome.err)]
    assert said == [
        "runner.use_fleet has no effect: training runs in one process",
        "runner.sync_mode has no effect: training runs in one process",
        "runner.thread_num has no effect: files are read in order (num_workers sets the number of reader processes)",
    ]


def test_of_paddlerecs_directory(tool: Tool, directory):
    outcome = tool("trainer", "-m", directory / "config.yaml", "-o", "runner.use_fleet=true")
    assert outcome.code == 0, outcome.err
    assert [line for line in warnings(outcome.err) if "use_fleet has no effect" in line]


def test_sampled_negatives_of_paddlerecs_directory(tool: Tool, directory):
    outcome = tool("trainer", "-m", directory / "config.yaml", "-o", "data.negative_rate=0.1")
    assert outcome.code == 0, outcome.err
    assert [line for line in warnings(outcome.err) if "data.negative_rate has no effect" in line]


def test_a_schedule_that_nobody_steps(tool: Tool, directory):
    model = directory / "dygraph_model.py"
    model.write_text(model.read_text().replace(FLAT, SCHEDULE))
    outcome = tool("trainer", "-m", directory / "config.yaml", "-o", "runner.epochs=2")
    assert outcome.code == 0, outcome.err
    (told,) = [line for line in warnings(outcome.err) if "schedule" in line]
    assert told.startswith(
        "the learning rate stays at 0.01: the model's schedule, ExponentialDecay, is stepped neither"
    )


def test_a_schedule_that_the_model_steps(tool: Tool, directory):
    model = directory / "dygraph_model.py"
    start = "    def train_forward(self, dy_model, metrics_list, batch_data, config):\n"
    text = model.read_text().replace(FLAT, "learning_rate=self.schedule")
    assert start in text
    text = text.replace(start, f"{start}        self.schedule.step()\n")
    made = "        self.schedule = paddle.optimizer.lr.ExponentialDecay(0.01, 0.5)\n"
    model.write_text(text.replace("        return paddle.optimizer", f"{made}        return paddle.optimizer"))
    outcome = tool("trainer", "-m", directory / "config.yaml")
    assert outcome.code == 0, outcome.err
    assert not [line for line in warnings(outcome.err) if "schedule" in line]


def test_a_static_schedule(tool: Tool, tmp_path, monkeypatch):
    folder = tmp_path / "lazy"
    shutil.copytree(DIRECTORIES / "static_lazy_mode", folder)
    write_lines(folder / "data" / "train", [f"{n % 2} 0 1.0 {n % 20} {20 + n % 20} 40" for n in range(100)])
    model = folder / "static_model.py"
    rate = "learning_rate=rate"
    assert rate in model.read_text()
    model.write_text(model.read_text().replace(rate, "learning_rate=paddle.optimizer.lr.NoamDecay(100, 50)"))
    monkeypatch.chdir(tmp_path)
    outcome = tool("static_trainer", "-m", folder / "config.yaml")
    assert outcome.code == 0, outcome.err
    told = [line for line in warnings(outcome.err) if "schedule" in line]
    assert len(told) == 1
    assert "NoamDecay, is stepped neither by the model nor" in told[0]
