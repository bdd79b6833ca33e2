"""The page's walk-through: its method is a method, alike in both modes, and its loss is what it says."""

import math

import numpy as np
import pytest
import yaml

from modes import dynamic, static, weights_of
from networks import set_logits
from pages import blocks, page
from rec.nn.entire_space import EntireSpace
from rec.nn.unclicked import REGISTRY

LABELS = {"click": np.array([[1], [1], [0]], np.float32), "conversion": np.array([[1], [0], [0]], np.float32)}
VECTORS = np.ones((3, 2), np.float32)


@pytest.fixture
def section(monkeypatch):
    """The page's section, with its class registered as the page says."""
    found = {block.language: block.content for block in blocks(page("entire-space.md"))}
    names: dict = {}
    exec(compile(found["python"], "tempered.py", "exec"), names)
    monkeypatch.setitem(REGISTRY.classes, "tempered", names["Tempered"])
    return yaml.safe_load(found["yaml"])["hyper_parameters"]["unclicked"]


def network(section):
    return EntireSpace(
        num_field=1, sparse_feature_dim=2, tower_fc_sizes=[],
        behaviours={"click": None, "conversion": {"after": "click"}}, unclicked=dict(REGISTRY.check(section)),
    )  # fmt: skip


def test_the_walk_through(section):
    net = network(section)
    set_logits(net, click=math.log(0.25 / 0.75), conversion=math.log(0.4 / 0.6))
    found = dynamic(net, VECTORS, LABELS)
    expected = (-math.log(0.4) - math.log(0.6)) / math.sqrt(0.25) / 3
    assert found["loss_cvr_tempered"] == pytest.approx(expected, rel=1e-5)
    assert "loss_ctcvr" not in found
    program = static(lambda: network(section), weights_of(net), VECTORS, LABELS)
    assert program["loss"] == pytest.approx(found["loss"], rel=1e-5)
    with pytest.raises(ValueError, match="powr is not a setting of tempered"):
        REGISTRY.check({**section, "powr": 1.0})
