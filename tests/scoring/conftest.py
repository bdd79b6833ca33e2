"""Exports run in a process beside the tests': Paddle Inference aborts where static programs of ours have run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from commands import Commands
from support import Tool


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    started = Commands()
    yield started
    started.close()


@pytest.fixture
def tool(commands: Commands) -> Tool:
    """Run a tool in the current folder."""
    return lambda name, *arguments: commands(Path.cwd(), name, *arguments)
