"""Losses of single impressions: by hand, against NumPy, and least at the truth."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from modes import dynamic, static, weights_of
from rec.nn.multitask import MultiTask
from rec.nn.pointwise import FocalProbability, Pointwise
from rec.nn.probability import Probability

CHANCES = [0.001, 0.04, 0.3, 0.5, 0.9, 0.999]


def column(values) -> paddle.Tensor:
    return paddle.to_tensor(np.asarray(values, np.float32).reshape(-1, 1))


def reference(p: np.ndarray, y: np.ndarray, weight: float, smoothing: float) -> np.ndarray:
    """Loss of each impression where the prediction is p, from the definition."""
    odds = weight * p / (1 - p)
    q = (1 - smoothing) * odds / (1 + odds) + smoothing / 2
    target = (1 - smoothing) * y + smoothing / 2
    return np.where(y == 1, weight, 1.0) * (-target * np.log(q) - (1 - target) * np.log(1 - q))


@pytest.mark.parametrize(("weight", "smoothing"), [(1.0, 0.0), (5.0, 0.0), (1.0, 0.1), (0.2, 0.3)])
def test_weights_and_smoothing_are_least_at_the_truth(weight, smoothing):
    loss = Pointwise(positive_weight=weight, label_smoothing=smoothing)
    p = np.repeat(CHANCES, 2)
    y = np.tile([0.0, 1.0], len(CHANCES))
    each = loss(Probability(column(logit(p))), column(y)).numpy()[:, 0]
    np.testing.assert_allclose(each, reference(p, y, weight, smoothing), rtol=2e-5)
    for truth in CHANCES[1:-1]:
        expected = [
            truth * reference(np.array(x), np.array(1), weight, smoothing)
            + (1 - truth) * reference(np.array(x), np.array(0), weight, smoothing)
            for x in (truth - 0.01, truth, truth + 0.01)
        ]
        assert expected[1] < min(expected[0], expected[2])
        score = column([logit(truth)] * 2)
        score.stop_gradient = False
        (loss(Probability(score), column([0, 1])) * column([1 - truth, truth])).sum().backward()
        assert abs(score.grad.numpy().sum()) < 2e-6 * weight


def focal(q, y, gamma, weight=1.0):
    right = q if y else 1 - q
    return (weight if y else 1.0) * -((1 - right) ** gamma) * np.log(right)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("weight", [1.0, 4.0])
def test_what_the_focal_loss_estimates_becomes_the_truth(gamma, weight):
    """The estimate that is least in the mean is found by a search, and mapped back."""
    for truth in CHANCES:
        found = minimize_scalar(
            lambda z, p=truth: p * focal(expit(z), 1, gamma, weight) + (1 - p) * focal(expit(z), 0, gamma),
            bounds=(-15, 15), method="bounded", options={"xatol": 1e-10},
        ).x  # fmt: skip
        p = FocalProbability(column([found]), gamma, weight)
        assert p.value.item() == pytest.approx(truth, rel=2e-3)
    score, y = np.array([-3.0, -3.0, 0.5, 0.5, 4.0, 4.0]), np.array([0, 1, 0, 1, 0, 1])
    each = Pointwise(gamma, weight)(FocalProbability(column(score), gamma, weight), column(y)).numpy()[:, 0]
    by_hand = [focal(expit(z), label, gamma, weight) for z, label in zip(score, y, strict=True)]
    np.testing.assert_allclose(each, by_hand, rtol=1e-5)


def test_a_focal_probability_is_finite_far_out():
    p = FocalProbability(column([-60.0, 60.0]), 2.0)
    p_of = p.logit.numpy()[:, 0]
    np.testing.assert_allclose(p_of, [3 * -60 + np.log(3), 3 * 60 - np.log(3)], rtol=1e-5)


B = 64
RANDOM = np.random.default_rng(5)
VECTORS = RANDOM.normal(size=(B, 6)).astype(np.float32)
CLICK = (RANDOM.random((B, 1)) < 0.4).astype(np.float32)
LABELS = {"click": CLICK, "conversion": CLICK * (RANDOM.random((B, 1)) < 0.5).astype(np.float32)}
SAID = {
    "focal": {"loss": "focal", "gamma": 1.5, "positive_weight": 2.0},
    "weighted": {"positive_weight": 3.0},
    "smoothed": {"label_smoothing": 0.2},
}


@pytest.mark.parametrize("name", SAID)
def test_a_network_is_trained_on_them_alike_in_both_modes(name):
    def build() -> MultiTask:
        behaviours = {"click": SAID[name], "conversion": {"after": "click"}}
        return MultiTask(num_field=3, sparse_feature_dim=2, behaviours=behaviours, tower_fc_sizes=[4])

    net = build()
    found = dynamic(net, VECTORS, LABELS, on_host=True)
    program = static(build, weights_of(net), VECTORS, LABELS, on_host=True)
    assert found.keys() == program.keys()
    for key, value in found.items():
        np.testing.assert_allclose(program[key], value, rtol=1e-5, atol=1e-7, err_msg=key)
    said, p, y = SAID[name], found["pctr"][:, 0].astype(float), CLICK[:, 0]
    if name != "focal":
        each = reference(p, y, said.get("positive_weight", 1.0), said.get("label_smoothing", 0.0))
        assert found["loss_ctr"] == pytest.approx(each.mean(), rel=1e-5)
    # The product is of the corrected chance, whatever the loss was given.
    np.testing.assert_allclose(found["pctcvr"], found["pctr"] * found["pcvr"], rtol=1e-5)
