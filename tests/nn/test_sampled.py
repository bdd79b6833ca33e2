"""Networks trained on a share of the negatives, and numbers whose logarithm is predicted: what they say of all data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from networks import load
from rec.config.behaviours import parse
from rec.config.negatives import first_behaviour
from rec.contract.native import losses_by_name, predict
from rec.nn.features import Features
from rec.nn.multitask import MultiTask

RATE = 0.1
RANDOM = np.random.default_rng(6)
B = 64
VECTORS = RANDOM.normal(size=(B, 6)).astype(np.float32)
CLICK = (RANDOM.random((B, 1)) < 0.4).astype(np.float32)
LABELS = {"click": CLICK, "conversion": CLICK * (RANDOM.random((B, 1)) < 0.5).astype(np.float32)}
ESMM = {"click": None, "conversion": {"after": "click"}}


def network(behaviours: dict[str, Any] = ESMM, **settings: Any) -> MultiTask:
    return MultiTask(num_field=3, sparse_feature_dim=2, behaviours=behaviours, tower_fc_sizes=[4], **settings)


def esmm(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Any:
    made = load(monkeypatch, "esmm", "ESMM")
    return made(num_field=3, sparse_feature_dim=2, ctr_fc_sizes=[4], cvr_fc_sizes=[4], **settings)


@pytest.mark.parametrize("own", [False, True])
def test_the_click_is_shifted_in_training_and_what_follows_it_is_not(monkeypatch, own):
    """p' = p / (p + r (1 - p)) in training, p in serving; the conversion given a click is the same in both."""
    net = esmm(monkeypatch, negative_rate=RATE) if own else network(negative_rate=RATE)
    before = weights_of(net)
    trained = dynamic(net, VECTORS, LABELS, on_host=True)
    net.eval()
    served = dynamic(net, VECTORS, LABELS, on_host=True)
    p = served["pctr"].astype(float)
    np.testing.assert_allclose(trained["pctr"], p / (p + RATE * (1 - p)), rtol=1e-5)
    np.testing.assert_array_equal(trained["pcvr"], served["pcvr"])
    for found in (trained, served):
        np.testing.assert_allclose(found["pctcvr"], found["pctr"] * found["pcvr"], rtol=1e-5)
    loss = -np.where(CLICK == 1, np.log(trained["pctr"]), np.log(1 - trained["pctr"])).mean()
    assert trained["loss_ctr"] == pytest.approx(loss, rel=1e-5)

    def build() -> Any:
        return esmm(monkeypatch, negative_rate=RATE) if own else network(negative_rate=RATE)

    program = static(build, before, VECTORS, LABELS, on_host=True)
    for name, value in trained.items():
        np.testing.assert_allclose(program[name], value, rtol=1e-5, atol=1e-7, err_msg=name)


def test_training_starts_as_without_sampling():
    """Among what is kept every chance is 1/2 where the towers' hidden layers say nothing."""
    net = network(negative_rate=RATE)
    assert net.towers["click"].logit.bias.item() == pytest.approx(math.log(RATE))
    assert net.towers["conversion"].logit.bias.item() == 0.0
    found = dynamic(net, np.zeros_like(VECTORS), LABELS)
    np.testing.assert_allclose(found["pctr"], 0.5, rtol=1e-6)


# Two kinds of impressions, 100 of each: of the first 40 are clicked and 10 of these convert, of the second 5 and 1.
KINDS = np.repeat([0, 1], 100)
CLICKED, CONVERTED = np.array([40, 5]), np.array([10, 1])


def everything() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    place = np.tile(np.arange(100), 2)
    return KINDS, (place < CLICKED[KINDS]).astype(float), (place < CONVERTED[KINDS]).astype(float)


@pytest.mark.parametrize("weighting", ["fixed", "gradnorm"])
def test_the_loss_on_what_is_kept_is_least_at_the_truth_of_all(weighting):
    """One in five negatives is kept; the gradient is 0 at the rates of all 200 impressions, and training finds them."""
    kind, click, conversion = everything()
    order = np.cumsum(click == 0) % 5 == 0
    kept = (click == 1) | order
    exact = kept.sum() == click.sum() + (click == 0).sum() // 5
    assert exact
    vectors = np.eye(2, dtype=np.float32)[kind[kept]]
    labels = {"click": click[kept], "conversion": conversion[kept]}
    given = {name: paddle.to_tensor(v.astype(np.float32).reshape(-1, 1)) for name, v in labels.items()}
    net = MultiTask(
        num_field=1, sparse_feature_dim=2, behaviours=ESMM, tower_fc_sizes=[], negative_rate=0.2,
        weighting={"kind": weighting},
    )  # fmt: skip
    optimizer = paddle.optimizer.Adam(learning_rate=0.05, parameters=net.trained())
    for _ in range(800):
        x = paddle.to_tensor(vectors)
        x.stop_gradient = False
        features = Features([x], [None])
        losses_by_name(net, predict(net, features, given), given, features)["loss"].backward()
        optimizer.step()
        optimizer.clear_grad()
    net.eval()
    served = predict(net, Features([paddle.eye(2)], [None]), {})
    # 45 clicks stand beside exactly a fifth of the 155 others in both kinds together, not in each.
    negatives = np.array([(kept & (click == 0) & (kind == k)).sum() for k in (0, 1)]) * 5
    ctr = CLICKED / (CLICKED + negatives)
    np.testing.assert_allclose(ctr, CLICKED / 100, atol=0.02)
    np.testing.assert_allclose(served["ctr"].value.numpy()[:, 0], ctr, rtol=1e-3)
    np.testing.assert_allclose(served["cvr"].value.numpy()[:, 0], CONVERTED / CLICKED, rtol=1e-3)
    np.testing.assert_allclose(served["ctcvr"].value.numpy()[:, 0], ctr * CONVERTED / CLICKED, rtol=2e-3)


ALTERNATIVE = {
    "click": None,
    "skip": {"instead_of": "click"},
    "hide": {"after": "skip"},
    "buy": {"after": "click"},
    "seconds": {"head": "log_regression", "space": "click"},
}


@pytest.mark.parametrize(
    ("section", "found"),
    [
        (ESMM, "click"),
        (ALTERNATIVE, "click"),
        ({"click": {"given": True}, "conversion": {"after": "click"}}, "click"),
        ({"click": None, "like": None}, "come straight after the impression: click, like"),
        ({"click": None, "conversion": {"implies": "click"}}, "straight after the impression: click, conversion"),
        ({"click": None, "seconds": {"head": "regression"}}, "seconds, a number of all impressions: give it space: cl"),
        ({"click": {"loss": "focal"}}, "means nothing beside click.loss: focal"),
    ],
)
def test_of_which_graphs_it_is_exact(section, found):
    behaviours = parse(section)
    if found == "click":
        assert first_behaviour(behaviours) == found
    else:
        with pytest.raises(ValueError, match=found):
            first_behaviour(behaviours)


NUMBER = {"seconds": {"head": "log_regression", "smearing": True, "start": 5.0}}


def test_the_mean_of_a_number_whose_logarithm_is_predicted():
    """1 + seconds is lognormal with sigma 1: its mean is e^.5 times its median, which a plain estimate predicts."""
    random = np.random.default_rng(1)
    seconds = np.expm1(2.0 + random.normal(size=(200, 256, 1))).clip(0).astype(np.float32)
    plain = {"seconds": {**NUMBER["seconds"], "smearing": False}}
    means = {}
    for name, section in (("smeared", NUMBER), ("plain", plain)):
        paddle.seed(2)
        net = MultiTask(num_field=1, sparse_feature_dim=2, behaviours=section, tower_fc_sizes=[])
        optimizer = paddle.optimizer.Adam(learning_rate=0.05, parameters=net.trained())
        for label in seconds:
            x = paddle.ones([256, 2])
            x.stop_gradient = False
            features, given = Features([x], [None]), {"seconds": paddle.to_tensor(label)}
            losses_by_name(net, predict(net, features, given), given, features)["loss"].backward()
            optimizer.step()
            optimizer.clear_grad()
        net.eval()
        means[name] = predict(net, Features([paddle.ones([1, 2])], [None]), {})["seconds"].value.item()
    assert means["plain"] < 0.7 * seconds.mean()
    assert means["smeared"] == pytest.approx(seconds[-100:].mean(), rel=0.03)


def test_smearing_is_the_ratio_of_running_means_alike_in_both_modes():
    label = np.abs(RANDOM.normal(size=(B, 1))).astype(np.float32)
    label[::7] = np.nan
    before = weights_of(network(NUMBER))
    net = network(NUMBER)
    net.set_state_dict(before)
    found = dynamic(net, VECTORS, {"seconds": label})
    program = static(lambda: network(NUMBER), before, VECTORS, {"seconds": label})
    for name, value in found.items():
        np.testing.assert_allclose(program[name], value, rtol=1e-5, atol=1e-7, err_msg=name)
    there = ~np.isnan(label)
    predicted = 1 + found["pseconds"].astype(float)  # the factor was 1: nothing had been met
    kept = net.smearing["seconds"]
    assert kept.observed.item() == pytest.approx(0.01 * (1 + label[there]).mean(), rel=1e-5)
    assert kept.predicted.item() == pytest.approx(0.01 * predicted[there].mean(), rel=1e-5)
    net.eval()
    smeared = dynamic(net, VECTORS, {"seconds": label})["pseconds"]
    ratio = (1 + label[there]).mean() / predicted[there].mean()
    np.testing.assert_allclose(1 + smeared, ratio * predicted, rtol=1e-5)
