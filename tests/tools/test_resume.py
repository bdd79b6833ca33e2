"""A run killed at any moment goes on, and ends as if it had not been."""

import random
import signal
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from support import start


def arrays(folder: Path) -> dict[str, bytes]:
    """Weights and optimizer state of the last epoch, byte for byte."""
    files = sorted((folder / "1").glob("rec*.safetensors"))
    assert len(files) == 2
    return {name: value.tobytes() for file in files for name, value in load_file(file).items()}


def done_line(log: str) -> str:
    """The last epoch's line without its time."""
    return (
        next(line for line in log.splitlines() if "epoch: 1 done" in line).split(" - INFO - ")[1].split("epoch time")[0]
    )


@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_killed_three_times_and_resumed_ends_bit_for_bit_the_same(name, tiny, tmp_path):
    options = ["runner.save_steps=3", "runner.train_batch_size=12", "runner.print_interval=1", "runner.resume=true"]
    whole = start(name, *tiny, *options, "runner.model_save_path=whole", cwd=tmp_path)
    log, _ = whole.communicate(timeout=120)
    assert whole.returncode == 0, log
    moments = random.Random(name)
    kills = 0
    for _ in range(20):
        run = start(name, *tiny, *options, "runner.model_save_path=killed", cwd=tmp_path)
        assert run.stdout is not None
        steps, last = 0, moments.randrange(4, 30)
        if kills < 3:
            for line in run.stdout:
                steps += "batch_id" in line
                if steps == last:
                    time.sleep(moments.random() * 0.02)  # within a step, or within a save
                    run.send_signal(signal.SIGKILL)
                    break
        resumed_log, _ = run.communicate(timeout=120)
        if run.returncode == 0:
            break
        kills += 1
    assert kills == 3
    assert run.returncode == 0
    assert arrays(tmp_path / "killed") == arrays(tmp_path / "whole")
    assert done_line(resumed_log) == done_line(log)
    assert not list((tmp_path / "killed").glob("*-batch*"))
