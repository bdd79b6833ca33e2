"""What benchmarks share: run a command and say how long it took and how much memory it held; describe the machine."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread


@dataclass(frozen=True)
class Run:
    """A finished command: its wall and processor seconds, its greatest memory in MB, and what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    output: str


def run(command: list[str], cwd: Path) -> Run:
    """Run a command to its end.

    Memory is what its process held at most, or, if that is more, the process and its descendants together: their
    proportional set sizes, in which what they share counts once, sampled every second (reading them holds up a large
    process).

    Raises:
        RuntimeError: it failed; the message is what it printed.
    """
    log = cwd / ".command.log"
    peak, ended = 0.0, Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(1.0):
            peak = max(peak, sum(_proportional_mb(pid) for pid in _family(process.pid)))

    begun = time.perf_counter()
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=cwd, stdout=file, stderr=subprocess.STDOUT)
    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    ended.set()
    watcher.join()
    output = log.read_text()
    log.unlink()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{output}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss / 1024), output)


def machine() -> dict[str, str | int]:
    """Processor, cores, memory and versions, for the record."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(memory) / 2**20),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def _family(pid: int) -> list[int]:
    """A process and its descendants."""
    children = [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in _words(path)]
    return [pid, *(member for child in children for member in _family(child))]


def _proportional_mb(pid: int) -> float:
    line = next((line for line in _lines(f"/proc/{pid}/smaps_rollup") if line.startswith("Pss:")), "Pss: 0 kB")
    return int(line.split()[1]) / 1024


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:  # the process has just ended
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(str(path))).split()
