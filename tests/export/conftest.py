"""Exports run in a process beside the tests': Paddle Inference aborts where static programs of ours have run."""

import pytest

from support import Tool


@pytest.fixture
def tool(export: Tool) -> Tool:
    """Run a tool in the current folder."""
    return export
