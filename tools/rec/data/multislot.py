"""`QueueDataset` and `InmemoryDataset`: files through a command that prints the MultiSlot text protocol.

Paddle 3.3.1 offers both in its old IR alone, where a bad line aborts the process and a failing command trains on
nothing. This reads the same protocol: a line is a row, and holds for each slot `<count> <value> ... <value>`.
"""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from rec.errors import UserError
from rec.numeric import Array

_LOOK = 1000
"""Lines that decide whether a slot holds whole numbers, where the model does not say."""

Slots = list[list[bytes]]


class PipeDataset:
    """Rows that a command makes of files, one process a file: `command < FILE`.

    Args:
        files: absolute paths, read in this order.
        command: a shell command; it runs in the model directory if it names a file that is there and not here.
        model_dir: the model directory.
        dtypes: of the slots, as the model's feeds have them; None: int64, or float32 for a slot with a fraction in one
            of the first thousand lines.
    """

    def __init__(
        self, files: Sequence[str], command: str, model_dir: Path, dtypes: Sequence[str] | None = None
    ) -> None:
        self._files, self._command, self._dtypes = files, command, dtypes
        self._folder = _folder_of(command, model_dir)

    def __iter__(self) -> Iterator[list[Array]]:
        """Rows: an array per slot, [count].

        Raises:
            UserError: the command fails, or prints a line that is no row.
        """
        lines = itertools.chain.from_iterable(map(self._lines, self._files))
        begin = list(itertools.islice(lines, _LOOK))
        dtypes = self._dtypes or _guess(slots for _, slots in begin)
        shape: list[int] | None = None
        for where, slots in itertools.chain(begin, lines):
            if len(slots) != len(dtypes):
                raise UserError(f"{where}: holds {len(slots)} slots, expected {len(dtypes)}")
            counts = [len(values) for values in slots]
            if counts != (shape := shape or counts):
                slot = next(i for i, (a, b) in enumerate(zip(counts, shape, strict=True)) if a != b)
                raise UserError(
                    f"{where}: slot {slot} holds {counts[slot]} values, on the first line {shape[slot]}; rows of "
                    "different lengths make no tensor (Paddle 3 has no LoD): pad them in the command"
                )
            yield [
                _array(values, dtype, f"{where}: slot {slot}")
                for slot, (values, dtype) in enumerate(zip(slots, dtypes, strict=True))
            ]

    def _lines(self, path: str) -> Iterator[tuple[str, Slots]]:
        """Where each line of a file's output stands, and its slots."""
        with Path(path).open("rb") as source, tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                self._command, shell=True, cwd=self._folder, stdin=source, stdout=subprocess.PIPE, stderr=complaints,
                start_new_session=True, env=_environment(),
            )  # fmt: skip
            try:
                assert process.stdout is not None
                for number, line in enumerate(process.stdout, 1):
                    if line.strip():
                        where = f"{path} | {self._command}: line {number} of its output"
                        yield where, _parse(line, where)
                if process.wait():
                    raise UserError(f"{path} | {self._command}: {_ended(process.returncode, complaints)}")
            finally:
                _end(process)


class InMemoryDataset:
    """The rows of a `PipeDataset`, all of them read at once, in any order."""

    def __init__(self, rows: PipeDataset) -> None:
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> list[Array]:
        return self._rows[index]


def _environment() -> dict[str, str]:
    """This process's, in which `python` is the interpreter that runs the tool, with what is installed there."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([own, *filter(None, [os.environ.get("PATH")])])}


def _folder_of(command: str, model_dir: Path) -> Path:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(f"runner.pipe_command: {command}: {error}") from None
    there = any((model_dir / word).is_file() and not Path(word).is_file() for word in words)
    return model_dir if there else Path.cwd()


def _parse(line: bytes, where: str) -> Slots:
    tokens, position = line.split(), 0
    slots: Slots = []
    while position < len(tokens):
        count = tokens[position]
        if not count.isdigit() or int(count) == 0:
            raise UserError(
                f"{where}: slot {len(slots)} begins with {count.decode(errors='replace')!r}, expected its number of "
                "values, 1 or more (<count> <value> ... for each slot)"
            )
        values = tokens[position + 1 : position + 1 + int(count)]
        if len(values) < int(count):
            raise UserError(
                f"{where}: slot {len(slots)} announces {int(count)} values, the line ends after {len(values)}"
            )
        slots.append(values)
        position += 1 + int(count)
    return slots


def _guess(rows: Iterator[Slots]) -> list[str]:
    dtypes: list[str] = []
    for slots in rows:
        dtypes += ["int64"] * (len(slots) - len(dtypes))
        for slot, values in enumerate(slots):
            if not all(value.lstrip(b"+-").isdigit() for value in values):
                dtypes[slot] = "float32"
    return dtypes


def _array(values: list[bytes], dtype: str, where: str) -> Array:
    try:
        return np.array([int(value) if dtype == "int64" else float(value) for value in values], dtype)
    except (ValueError, OverflowError):
        shown = b" ".join(values).decode(errors="replace")
        raise UserError(f"{where}: {shown!r} is not all {dtype}") from None


def _ended(code: int, complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read().decode(errors="replace").strip().splitlines()
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
    return how + (f": {lines[-1].strip()}" if lines else "")


def _end(process: subprocess.Popen[Any]) -> None:
    """End a command whose rows nobody wants any more, with what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
