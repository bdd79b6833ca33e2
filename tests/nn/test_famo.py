"""FAMO on losses a . x whose answers are worked out here."""

import math

import numpy as np
import paddle
import pytest

from rec.nn.weighting import REGISTRY


def famo(weights: dict[str, float], **settings):
    return REGISTRY.build({"kind": "famo", **settings}, weights=weights, numbers=set())


def test_the_step_is_on_the_logs():
    """L = (2, 8) and z = (1/2, 1/2): z / L = (1/4, 1/16), so weights 2 * (4/5, 1/5)."""
    x = paddle.to_tensor([[1.0, 1.0]], stop_gradient=False)
    losses = {"a": (x * paddle.to_tensor([2.0, 0.0])).sum(), "b": (x * paddle.to_tensor([0.0, 8.0])).sum()}
    loss = famo({"a": 1.0, "b": 1.0})(losses)
    loss.backward()
    assert loss.item() == pytest.approx(1.6 * 2 + 0.4 * 8, rel=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [[1.6 * 2, 0.4 * 8]], rtol=1e-6)
    # Of 3 to 1 it begins so: z / L = (3/8, 1/32), 2 * (12/13, 1/13)
    assert famo({"a": 3.0, "b": 1.0})(losses).item() == pytest.approx((24 * 2 + 2 * 8) / 13, rel=1e-6)


def test_a_loss_of_0_has_no_weight():
    losses = {"a": paddle.to_tensor(0.0), "b": paddle.to_tensor(3.0)}
    net = famo({"a": 1.0, "b": 1.0})
    assert net(losses).item() == pytest.approx(2 * 3.0, rel=1e-6)
    kept = net.moved(net.kept.numpy(), np.array([0.0, 3.0]), np.array([0.0, 3.0]))
    np.testing.assert_allclose(kept[0], [0, 0], atol=1e-9)


def test_logits_follow_the_change_of_the_logs_by_adam():
    net = famo({"a": 1.0, "b": 3.0}, weight_decay=0.01, learning_rate=0.1)
    xi = paddle.to_tensor([0.0, math.log(3.0)], stop_gradient=False)
    adam = paddle.optimizer.Adam(0.1, parameters=[xi], epsilon=1e-8)
    kept = net.kept.numpy()
    for before, now in (([1.0, 2.0], [0.5, 1.9]), ([0.7, 3.0], [0.8, 2.0]), ([2.0, 0.1], [1.9, 0.09])):
        change = paddle.to_tensor(np.log(before) - np.log(now), dtype="float32")
        loss = (paddle.nn.functional.softmax(xi) * change).sum() + 0.01 / 2 * (xi * xi).sum()
        loss.backward()
        adam.step()
        adam.clear_grad()
        kept = net.moved(kept, np.array(before), np.array(now)).astype(np.float32)
        np.testing.assert_allclose(kept[0], xi.numpy(), rtol=1e-4, atol=1e-5)
    assert kept[3].tolist() == [3, 3]


def test_the_loss_that_lags_gets_the_larger_weight():
    net = famo({"a": 1.0, "b": 1.0})
    kept = net.kept.numpy()
    for _ in range(20):
        kept = net.moved(kept, np.array([1.0, 1.0]), np.array([0.9, 0.999]))
    assert kept[0, 1] - kept[0, 0] > 20 * 0.025
