"""Memory, disk and time that the run will take."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rec.doctor.finding import Finding, Severity
from rec.doctor.subject import Subject
from rec.table.optimizer import OPTIMIZERS

TIGHT = 0.8
"""Share of what is free above which a run is in danger: others work on the machine, and readers need memory too."""

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_USED = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")


@dataclass(frozen=True)
class Needs:
    """Bytes: of weights, of optimizer state, and of what each reader process keeps per id."""

    weights: int
    state: int
    readers: int

    @property
    def checkpoint(self) -> int:
        return self.weights + self.state

    @property
    def memory(self) -> int:
        return self.weights + self.state + self.readers


def table_needs(subject: Subject) -> Needs | None:
    """What the embedding table takes, by its rows and widths; None where the config does not say.

    PaddleRec's directories are taken to have one table of sparse_feature_number x sparse_feature_dim and Adam.
    """
    # Not config.get: the doctor's own asking is not the directory's (see check_unread).
    rows: Any = subject.num_id or dict.get(subject.config, "hyper_parameters.sparse_feature_number")
    dim: Any = dict.get(subject.config, "hyper_parameters.sparse_feature_dim")
    if not isinstance(rows, int) or not (subject.native or isinstance(dim, int)):
        return None
    if not subject.native:
        return Needs(rows * dim * 4, 2 * rows * dim * 4, 0)
    values = subject.config.hyper_parameters
    name = (values.get("table_optimizer") or values["optimizer"])["class"]
    rule, own = OPTIMIZERS[name](), int(subject.network.embedding_dim)
    weights = state = 0
    for first, end, width in subject.table_rows.parts():
        weights += (end - first) * (width or own) * 4
        state += (end - first) * sum(array.nbytes for array in rule.initial_state(1, width or own).values())
    return Needs(weights, state, rows * np.dtype(np.int32).itemsize * (subject.config.runner.num_workers + 1))


def check_memory(subject: Subject, needs: Needs | None) -> list[Finding]:
    """Whether table and optimizer state fit in what is free."""
    if needs is None:
        return [Finding("memory", "note", "not estimated: the config gives no table of V x D")]
    free = available_memory()
    found = f"the embedding table takes {show(needs.weights)}, its optimizer state {show(needs.state)}"
    values = {"bytes": needs.memory, "available": free}
    if subject.config.runner.use_gpu or free is None:
        return [Finding("memory", "ok", found, "", values)]
    found += f"; {show(free)} are free"
    advice = "lower sparse_feature_number or sparse_feature_dim, or choose table_optimizer SGD, which keeps no state"
    severity = _severity(needs.memory, free)
    return [Finding("memory", severity, found, advice if severity != "ok" else "", values)]


def check_disk(subject: Subject, needs: Needs | None, dense: int = 0) -> list[Finding]:
    """Whether the checkpoints fit on the disk; `dense` counts the network's own parameters."""
    runner = subject.config.runner
    folder = _existing(Path(runner.model_save_path))
    if not os.access(folder, os.W_OK):
        return [Finding("disk", "wrong", f"{folder} is not writable", "set runner.model_save_path")]
    if needs is None:
        return []
    free = shutil.disk_usage(folder).free
    kept = min(runner.epochs, runner.keep_last or runner.epochs) + 1 + bool(runner.best_by)  # 1: while it is written
    one = needs.checkpoint + dense * 4 * 3
    found = f"{kept - 1} checkpoints of {show(one)} and one being written; {show(free)} are free in {folder}"
    severity = _severity(one * kept, free)
    advice = "set runner.keep_last, or another runner.model_save_path" if severity != "ok" else ""
    return [Finding("disk", severity, found, advice, {"bytes": one * kept, "available": free})]


def check_time(subject: Subject, speed: float, total: int | None) -> list[Finding]:
    """How long the run takes at `speed` impressions a second."""
    found, epochs = f"{speed:,.0f} impressions/s in the trial", subject.config.runner.epochs
    seconds = total * epochs / speed if total and speed else None
    if seconds is not None:
        found += f": {epochs} epoch{'s' * (epochs > 1)} of {total:,} take about {_duration(seconds)}"
    return [Finding("time", "ok", found, "", {"impressions_per_second": speed, "seconds": seconds})]


def available_memory() -> int | None:
    """Bytes that this process may still take, by the machine and by its control group; None where neither tells."""
    free = []
    try:
        fields = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free.append(int(fields["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    for limit, used in zip(_LIMITS, _USED, strict=True):
        try:
            free.append(int(Path(limit).read_text()) - int(Path(used).read_text()))
        except (OSError, ValueError):  # no such group, or no limit ("max")
            continue
    return min(free, default=None)


def show(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _severity(needed: int, free: int) -> Severity:
    return "wrong" if needed > free else "warn" if needed > TIGHT * free else "ok"


def _existing(path: Path) -> Path:
    """The nearest folder on the way to `path` that is there."""
    path = path.absolute()
    while not path.is_dir():
        path = path.parent
    return path


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
