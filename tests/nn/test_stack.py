"""Towers in one operator against the same layers one by one."""

import numpy as np
import paddle
import pytest

from rec import parallel
from rec.nn import stack
from rec.nn.features import Features
from rec.nn.layers import MLP, side_by_side

WIDTHS = {"shared and own": (6, 4), "own alone": (0, 4), "shared alone": (6, 0)}


def features(widths: tuple[int, int], size: int, on_host: bool) -> Features:
    random = np.random.default_rng(7)
    blocks, rows = [], []
    for width, count in zip(widths, (3, size), strict=True):
        if width:
            block = paddle.to_tensor(random.normal(size=(count, width)).astype(np.float32), stop_gradient=False)
            blocks.append(block)
            rows.append(paddle.to_tensor(random.integers(0, 3, size), dtype="int32") if count == 3 else None)
    return Features(blocks, rows, on_host)


def run(towers: list[MLP], widths: tuple[int, int], size: int, on_host: bool) -> list[np.ndarray]:
    """Logits, and the gradients of blocks and parameters under a loss that weighs the towers differently."""
    x = features(widths, size, on_host)
    logits = side_by_side(towers, x)
    loss = sum(((number + 1.0) * logit**2).mean() for number, logit in enumerate(logits))
    loss.backward()
    parameters = [parameter for tower in towers for parameter in tower.parameters()]
    found = [*logits, *(block.grad for block in x.blocks), *(parameter.grad for parameter in parameters)]
    arrays = [each.numpy() for each in found]
    for parameter in parameters:
        parameter.clear_gradient()
    return arrays


@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS.keys())
@pytest.mark.parametrize("sizes", [[[5, 4], [5, 4]], [[8]], [[]], [[7], [3, 2], [6]]], ids=str)
@pytest.mark.parametrize("size", [5, 700])  # 700 impressions are shared out between threads
def test_towers_are_their_layers(monkeypatch, widths, sizes, size):
    paddle.seed(3)
    monkeypatch.setattr(stack, "threads", lambda: 4)
    monkeypatch.setattr(parallel, "threads", lambda: 4)
    towers = [MLP(sum(widths), each) for each in sizes]
    fast, slow = (run(towers, widths, size, on_host) for on_host in (True, False))
    assert len(fast) == len(slow)
    for a, b in zip(fast, slow, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_an_input_that_wants_no_gradient_gets_none():
    x = features((6, 4), 5, on_host=True)
    for block in x.blocks:
        block.stop_gradient = True
    tower = MLP(10, [4])
    tower(x).sum().backward()
    assert all(block.grad is None for block in x.blocks)
    assert float(np.abs(tower.hidden[0].weight.grad.numpy()).sum()) > 0
