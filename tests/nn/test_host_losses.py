"""Losses and chains as operators of our own: values and gradients by hand, and those of Paddle's operators."""

import numpy as np
import paddle
import pytest

from rec.nn.host_losses import chain, mean_log_loss
from rec.nn.masks import filled, known, masked_mean
from rec.nn.probability import Probability

LOGITS = np.array([[0.0], [2.0], [-3.0], [40.0], [-100.0], [0.5]], "float32")
OTHERS = np.array([[1.0], [-2.0], [0.0], [-40.0], [-100.0], [60.0]], "float32")


def tensor(array, trained=True):
    made = paddle.to_tensor(np.array(array, "float32"))
    made.stop_gradient = not trained
    return made


def test_a_log_loss_by_hand():
    """ln 2 for p = 1/2, and ln(1 + e^-2) for a logit of 2 and a label of 1; the third label is not given."""
    logit, label = tensor([[0.0], [2.0], [5.0]]), tensor([[0.0], [1.0], [np.nan]], trained=False)
    loss = mean_log_loss(logit, label)
    assert loss.shape == []
    assert float(loss) == pytest.approx((np.log(2) + np.log1p(np.exp(-2))) / 2, rel=1e-6)
    (3.0 * loss).backward()
    expected = 3 / 2 * np.array([0.5, 1 / (1 + np.exp(-2)) - 1, 0.0])
    assert logit.grad.numpy().ravel() == pytest.approx(expected, rel=1e-6)


def test_nobody_tells_it():
    logit, label = tensor([[1.0], [2.0]]), tensor([[np.nan], [np.nan]], trained=False)
    loss = mean_log_loss(logit, label)
    loss.backward()
    assert float(loss) == 0.0
    assert (logit.grad.numpy() == 0).all()


@pytest.mark.parametrize("among", [None, [[1], [0], [1], [1], [1], [np.nan]]])
def test_a_log_loss_is_that_of_paddles_operators(among):
    label = tensor([[1], [0], [1], [0], [np.nan], [1]], trained=False)
    space = None if among is None else tensor(among, trained=False)
    ours, theirs = tensor(LOGITS), tensor(LOGITS)
    own = mean_log_loss(ours, label, space)
    other = masked_mean(Probability(theirs).loss(filled(label)), known(label, space))
    own.backward()
    other.backward()
    assert float(own) == pytest.approx(float(other), rel=1e-6)
    assert ours.grad.numpy() == pytest.approx(theirs.grad.numpy(), rel=1e-5, abs=1e-8)


def test_a_chain_is_that_of_paddles_operators():
    found = []
    for on_host in (True, False):
        first, second = tensor(LOGITS), tensor(OTHERS)
        product = Probability(first, on_host) * Probability(second, on_host)
        (product.logit * tensor(np.arange(6).reshape(-1, 1), trained=False)).sum().backward()
        found.append([product.logit.numpy(), first.grad.numpy(), second.grad.numpy()])
    for ours, theirs in zip(*found, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


def test_a_chain_by_hand():
    """p = q = 1/2: p q = 1/4, whose logit is -ln 3, and d logit / d first = (1 - p) / (1 - p q) = 2/3."""
    first, second = tensor([[0.0]]), tensor([[0.0]])
    logit = chain(first, second)
    logit.backward()
    assert logit.item() == pytest.approx(-np.log(3), rel=1e-6)
    assert first.grad.item() == pytest.approx(2 / 3, rel=1e-6)
    assert second.grad.item() == pytest.approx(2 / 3, rel=1e-6)
