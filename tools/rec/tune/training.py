"""A trial's training, seen from the search: a process, and what it has validated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rec
from rec.checkpoint.better import lower_is_better
from rec.errors import UserError
from rec.report.history import read_history
from rec.run.model import Mode

LOG = "log.txt"
_TOOLS = Path(rec.__file__).parents[1]
_RUN = f"import sys; sys.path[0] = {str(_TOOLS)!r}; from rec.tune.child import main; main()"


class Training:
    """A trainer at work in a folder, which holds its config.yaml, and log, history and checkpoints from then on.

    It goes on from a checkpoint that is there. Whatever ends this process ends it too.

    Args:
        folder: of the trial.
        mode: graph mode.
        threads: cores that it computes on.
    """

    def __init__(self, folder: Path, mode: Mode, threads: int) -> None:
        self.folder, self.log = folder, folder / LOG
        options = ["-m", str(folder / "config.yaml"), "-o", "runner.resume=true", "runner.keep_last=1"]
        options += ["runner.use_out_vec=false"]  # one file for all trials
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-c", _RUN, mode, *options],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                start_new_session=True,  # Ctrl-C is for the search
            )  # fmt: skip

    def poll(self) -> int | None:
        """Its exit code; None while it trains."""
        return self._process.poll()

    def stop(self) -> None:
        """End it, now."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def error(self) -> str:
        """Why it failed: the line that says so, or how it ended."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        if self.poll() == 2 and lines and lines[-1].startswith("error: "):
            return lines[-1].removeprefix("error: ")
        code = self.poll() or 0
        return f"ended by signal {-code}" if code < 0 else f"ended with exit code {code}: {lines[-1] if lines else ''}"


def validations(folder: Path, objective: str) -> Iterator[tuple[int, bool, float | None]]:
    """Of each validation the epoch, whether it was at its end, and the best objective so far; None: still undefined."""
    sign, best = (-1.0 if lower_is_better(objective) else 1.0), None
    for line in read_history(folder):
        if line["kind"] == "valid":
            best = _better(best, line["values"].get(objective), sign)
            yield int(line["epoch"]), line["batch"] is None, best


def _better(best: float | None, value: Any, sign: float) -> float | None:
    if value is None or (best is not None and sign * (value - best) <= 0):
        return best
    return float(value)


def make_folder(folder: Path, setting: str = "tune.out") -> None:
    """A training's folder, which `setting` asks for.

    Raises:
        UserError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{setting}: cannot write to {folder}: {error.strerror}") from None
