"""Networks of model directories, built in a test."""

import sys
from pathlib import Path
from typing import Any

import pytest

from support import ROOT


def load(monkeypatch: pytest.MonkeyPatch, directory: str | Path, name: str) -> Any:
    """Class `name` of the net.py of a directory, given by its name under models/multitask or its path."""
    folder = ROOT / "models" / "multitask" / directory
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "net", raising=False)
    import net

    return getattr(net, name)


def set_logits(net: Any, **logits: float) -> None:
    """Make towers answer with constants."""
    import paddle

    for name, logit in logits.items():
        tower = net.towers[name]
        tower.logit.weight.set_value(paddle.zeros_like(tower.logit.weight))
        tower.logit.bias.set_value(paddle.full([1, 1], logit))
