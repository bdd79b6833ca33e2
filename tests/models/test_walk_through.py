"""The README's page on adding a model is right: its files make a directory that all four tools run."""

import math
import re
import shutil
from pathlib import Path

import paddle
import pytest

from networks import load
from rec.nn.features import Features
from support import ROOT, Tool

MODELS = ROOT / "models" / "multitask"
BLOCK = re.compile(r"```\w+\n(.*?)```", re.DOTALL)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory that the page makes, beside the one whose config it bases its own on."""
    page = (MODELS / "README.md").read_text().split("## Adding a model")[1]
    folder = tmp_path / "focal"
    folder.mkdir()
    said, *rest = BLOCK.split(page)
    for text, then in zip(rest[::2], rest[1::2], strict=True):
        name = re.findall(r"`(\w+\.(?:py|yaml))`", said)[-1]  # the file named last before a block
        (folder / name).write_text(text)
        said = then
    for other in ("mmoe", "data"):
        shutil.copytree(MODELS / other, tmp_path / other)
    shutil.copy(MODELS / "base.yaml", tmp_path)
    return folder


def test_the_page_makes_a_directory(directory):
    names = {"net.py", "config.yaml"}
    assert {path.name for path in directory.iterdir()} == names


def test_all_four_tools_run_it_alike(directory, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    losses = []
    for prefix in ("", "static_"):
        trained = tool(f"{prefix}trainer", *arguments)
        assert trained.code == 0, trained.err
        losses.append([float(x) for x in re.findall(r"batch_id: \d+, loss: ([\d.]+)", trained.err)])
        assert tool(f"{prefix}infer", *arguments).code == 0
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    misspelt = tool("trainer", *arguments, "hyper_parameters.gama=1")
    assert misspelt.code == 2
    assert "hyper_parameters.gama is not used (did you mean gamma?)" in misspelt.err


def test_its_loss_by_hand(directory, monkeypatch):
    """p(click) = .5 and clicked: (1 - .5)^2 times log 2."""
    focal = load(monkeypatch, directory, "Focal")
    net = focal(num_field=1, sparse_feature_dim=2, behaviours={"click": None}, tower_fc_sizes=[], gamma=2.0)
    tower = net.towers["click"].logit
    tower.weight.set_value(paddle.zeros_like(tower.weight))
    parts = net.losses(net(Features([paddle.ones([1, 2])], [None])), {"click": paddle.ones([1, 1])})
    assert parts["ctr"].item() == pytest.approx(0.25 * math.log(2), rel=1e-6)
