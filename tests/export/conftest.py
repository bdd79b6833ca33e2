"""Exports run as users run them, in processes of their own: after some dozens of static programs Paddle aborts here."""

import pytest

from support import Tool, alone


@pytest.fixture
def tool() -> Tool:
    """Run a tool as a process."""
    return alone
