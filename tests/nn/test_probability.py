"""Probabilities as logits: exact where float32 probabilities are not."""

import math
from decimal import Decimal, getcontext

import paddle
import pytest

from rec.nn.probability import Probability

getcontext().prec = 60
LOGITS = [(-3.0, -5.0), (-8.0, -9.0), (0.0, 0.0), (1.0, -2.0), (3.0, 4.0), (12.0, 9.0), (30.0, -30.0)]


def sigmoid(logit: float) -> Decimal:
    return 1 / (1 + Decimal(-logit).exp())


def product(a: float, b: float) -> tuple[Probability, list]:
    logits = [paddle.to_tensor([[value]], stop_gradient=False) for value in (a, b)]
    return Probability(logits[0]) * Probability(logits[1]), logits


@pytest.mark.parametrize(("a", "b"), LOGITS)
def test_a_product_against_60_digits(a, b):
    p, logits = product(a, b)
    exact = sigmoid(a) * sigmoid(b)
    assert p.value.item() == pytest.approx(float(exact), rel=1e-5)
    assert p.log_not_p.item() == pytest.approx(float((1 - exact).ln()), rel=3e-6)
    p.log_not_p.backward()
    # d log(1 - pq) / da = -pq (1 - p) / (1 - pq)
    for logit, own in zip(logits, (a, b), strict=True):
        expected = -exact * (1 - sigmoid(own)) / (1 - exact)
        assert logit.grad.item() == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_extreme_logits_give_finite_losses_and_gradients(logit):
    for other in (-200.0, 0.0, 200.0):
        p, logits = product(logit, other)
        (p.loss(paddle.zeros([1, 1])) + p.loss(paddle.ones([1, 1]))).backward()
        assert all(math.isfinite(x.grad.item()) for x in logits)
        assert math.isfinite(p.log_not_p.item())


@pytest.mark.parametrize("logit", [-200.0, -3.0, 0.0, 3.0, 200.0])
@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_soft_loss_and_its_gradients(logit, target):
    """-t log p - (1 - t) log(1 - p) is max(a, 0) + log(1 + e^-|a|) - t a; its slopes are p - t, and -a."""
    a, t = (paddle.to_tensor([[x]], stop_gradient=False) for x in (logit, target))
    loss = Probability(a).soft_loss(t)
    expected = max(logit, 0.0) + math.log1p(math.exp(-abs(logit))) - target * logit
    assert loss.item() == pytest.approx(expected, rel=1e-6, abs=1e-7)
    loss.backward()
    assert a.grad.item() == pytest.approx(1 / (1 + math.exp(-logit)) - target, abs=1e-6)
    assert t.grad.item() == pytest.approx(-logit, abs=1e-6)


def test_log_loss_by_hand():
    half, quarter = 0.0, math.log(1 / 3)
    p, _ = product(half, quarter)
    assert p.loss(paddle.ones([1, 1])).item() == pytest.approx(-math.log(0.5 * 0.25), rel=1e-6)
    assert p.loss(paddle.zeros([1, 1])).item() == pytest.approx(-math.log(1 - 0.125), rel=1e-6)
