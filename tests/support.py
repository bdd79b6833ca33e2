"""What tests share that is no fixture: paths, the tools as processes, small data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
ESMM = ROOT / "models" / "multitask" / "esmm"


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


Tool = Callable[..., Outcome]


def alone(name: str, *arguments: object) -> Outcome:
    """Run a tool in the current folder to its end, as a process of its own."""
    command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Outcome(done.returncode, done.stdout, done.stderr)


def start(name: str, *arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """A tool as a process, as a user starts it."""
    command = [sys.executable, "-u", str(ROOT / "tools" / f"{name}.py"), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    )


def tiny_lines(count: int, seed: int = 0) -> list[str]:
    """Impressions of 3 fields whose clicks depend on the item and whose conversions depend on the user."""
    random = np.random.default_rng(seed)
    lines = []
    for row in range(count):
        user, item = random.integers(0, 20), random.integers(20, 40)
        tags = random.integers(40, 60, size=random.integers(0, 4))
        click = int(random.random() < (0.6 if item < 30 else 0.2))
        buy = int(click and random.random() < (0.5 if user < 10 else 0.2))
        tokens = [f"user:{user}", f"item:{item}", *(f"tags:{tag}" for tag in tags)]
        lines.append(",".join(map(str, [row, click, buy, *random.permutation(tokens)])))
    return lines


def write_lines(folder: Path, lines: list[str]) -> Path:
    """A data folder with one file of these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "part-0.txt").write_text("".join(line + "\n" for line in lines))
    return folder
