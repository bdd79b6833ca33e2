"""The package's own rules: who may import whom, and that its classes are never asked what they have."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

REC = ROOT / "tools" / "rec"

ORDER = (
    ("errors", "numeric", "memory", "processor", "console"),
    ("seeding", "device", "parallel", "hashing", "output", "distributed"),
    ("importing",),
    ("config",),
    ("loading", "kernels", "metrics"),
    ("data",),
    ("report",),
    ("checkpoint", "table", "calibration"),
    ("nn",),
    ("contract", "optimize"),
    ("pir",),
    ("engine",),
    ("run",),
    ("export",),
    ("loop", "help"),
    ("cli",),
    ("stream",),
    ("doctor", "compare", "prepare", "scoring", "daily", "tune", "vectors", "fuse", "evidence"),
    ("serving",),
)
"""From the ground up: a module imports from its own line's names or from lines above it, never from below."""

LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}

FOREIGN = {"run/paddlerec.py", "data/paddlerec.py", "data/rows.py", "data/collate.py", "optimize", "pir"}
"""Where PaddleRec's objects, or Paddle's own, may be asked what they have."""


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(REC.rglob("*.py")):
        yield path.relative_to(REC).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def part(name: str) -> str:
    """The package or module directly under `rec` that a path or dotted name belongs to."""
    return name.replace(".py", "").replace("/", ".").split(".")[0]


def test_every_part_has_its_place():
    parts = {part(name) for name, _ in modules()} - {"__init__"}
    assert parts == set(LEVEL)


def test_nothing_imports_from_above():
    upward = []
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rec."):
                other = part(node.module.removeprefix("rec."))
                if other != part(name) and LEVEL[other] > LEVEL.get(part(name), 0):
                    upward.append(f"{name} imports {node.module}")
    assert not upward


def probes(tree: ast.Module) -> Iterator[ast.Call]:
    """`hasattr(x, "name")` and `getattr(x, "name", default)`: questions what an object has."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            constant = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
            if node.func.id == "hasattr" or (node.func.id == "getattr" and constant and len(node.args) > 2):
                yield node


ALLOWED = {
    "importing.py": 1,  # the platform's os
    "engine/calls.py": 1,  # a PaddleRec model
    "engine/dygraph.py": 1,  # what a PaddleRec model shows
    "engine/optimizers.py": 1,  # what Paddle's optimizer state holds
    "engine/static_directory.py": 1,  # a PaddleRec model's optimizer
    "loading.py": 2,  # Python's modules
    "loop/evaluation.py": 1,  # NumPy's values
}
"""Questions to others' objects elsewhere, and how many."""


@pytest.mark.parametrize(("name", "tree"), [pytest.param(*each, id=each[0]) for each in modules()])
def test_our_classes_are_never_asked_what_they_have(name, tree):
    if name in FOREIGN or part(name) in FOREIGN:
        return
    found = [f"{name}:{node.lineno}" for node in probes(tree)]
    assert len(found) <= ALLOWED.get(name, 0), found


def test_files_stay_small():
    long = {name: len(Path(REC / name).read_text().splitlines()) for name, _ in modules()}
    assert {name: lines for name, lines in long.items() if lines > 200} == {}
