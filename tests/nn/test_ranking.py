"""Losses within requests against brute force, alike in both graph modes."""

from __future__ import annotations

import math

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from rec.nn.graph import Graph
from rec.nn.multitask import MultiTask
from rec.nn.ranking import joint_loss, listwise_loss

B = 40
RANDOM = np.random.default_rng(8)
SCORES, LEVEL = RANDOM.normal(size=(2, B)) * 2
LABEL = (RANDOM.random(B) < 0.4).astype(float)
REQUEST = RANDOM.integers(0, 9, B).astype(float)
MASK = (RANDOM.random(B) < 0.8).astype(float)


def column(values) -> paddle.Tensor:
    return paddle.to_tensor(np.asarray(values, np.float32).reshape(-1, 1))


def softmax_within(scores: np.ndarray, request: np.ndarray, mask: np.ndarray, i: int) -> float:
    """-log of i's share of the softmax over its request."""
    others = [scores[j] for j in range(len(scores)) if request[j] == request[i] and mask[j]]
    return math.log(sum(math.exp(s) for s in others)) - scores[i]


def listwise(scores, label, request, mask) -> float:
    each = [softmax_within(scores, request, mask, i) for i in range(len(scores)) if mask[i] and label[i]]
    return sum(each) / max(len(each), 1)


def joint(logit, level, label, request, mask) -> float:
    """The mean over impressions of -log of its share of its request, by the logit of its own class."""
    both = level, level + logit
    each = [softmax_within(both[int(label[i])], request, mask, i) for i in range(len(logit)) if mask[i]]
    return sum(each) / max(len(each), 1)


@pytest.mark.parametrize("mask", [MASK, np.ones(B), np.zeros(B)])
def test_against_brute_force(mask):
    given = column(LABEL), column(REQUEST), column(mask)
    assert listwise_loss(column(SCORES), *given).item() == pytest.approx(
        listwise(SCORES, LABEL, REQUEST, mask), rel=1e-5
    )
    assert joint_loss(column(SCORES), column(LEVEL), *given).item() == pytest.approx(
        joint(SCORES, LEVEL, LABEL, REQUEST, mask), rel=1e-5
    )


def test_two_impressions_by_hand():
    """A click with score 1 beside none with score 0: log(1 + 1 / e)."""
    loss = listwise_loss(column([1, 0]), column([1, 0]), column([3, 3]), column([1, 1]))
    assert loss.item() == pytest.approx(math.log1p(math.exp(-1)), rel=1e-6)
    alone = listwise_loss(column([1, 0]), column([1, 0]), column([3, 4]), column([1, 1]))
    assert alone.item() == pytest.approx(0.0, abs=1e-6)


VECTORS = RANDOM.normal(size=(B, 6)).astype(np.float32)
LABELS = {
    "click": np.where(RANDOM.random((B, 1)) < 0.1, np.nan, LABEL.reshape(-1, 1)).astype(np.float32),
    "request_id": REQUEST.reshape(-1, 1).astype(np.float32),
}
SAID = {"listwise": {"listwise": 0.3, "weight": 2.0}, "jrc": {"loss": "jrc", "alpha": 0.7, "weight": 2.0}}


def build(name: str) -> MultiTask:
    return MultiTask(num_field=3, sparse_feature_dim=2, behaviours={"click": SAID[name]}, tower_fc_sizes=[4])


@pytest.mark.parametrize("name", SAID)
def test_in_a_network_in_both_modes(name):
    net = build(name)
    assert "request_id" in net.graph.columns
    found = dynamic(net, VECTORS, LABELS)
    program = static(lambda: build(name), weights_of(net), VECTORS, LABELS)
    for key, value in found.items():
        np.testing.assert_allclose(program[key], value, rtol=1e-5, atol=1e-6, err_msg=key)
    p = found["pctr"][:, 0].astype(float)
    click = LABELS["click"][:, 0]
    there = ~np.isnan(click)
    y = np.nan_to_num(click)
    log_loss = -np.where(y == 1, np.log(p), np.log(1 - p))[there].mean()
    assert found["loss_ctr"] == pytest.approx(log_loss, rel=1e-5)
    if name == "listwise":
        ranking = listwise(np.log(p / (1 - p)), y, REQUEST, there)
        assert found["loss_ctr_list"] == pytest.approx(ranking, rel=1e-4)
        assert found["loss"] == pytest.approx(2 * log_loss + 0.3 * ranking, rel=1e-5)
    else:
        hidden = np.maximum(VECTORS @ net.towers["click"].hidden[0].weight.numpy(), 0)
        level = (hidden @ net.towers["click"].logit.weight.numpy())[:, 1]
        ranking = joint(np.log(p / (1 - p)), level, y, REQUEST, there)
        assert found["loss_ctr_joint"] == pytest.approx(ranking, rel=1e-4)
        assert found["loss"] == pytest.approx(2 * (0.7 * log_loss + 0.3 * ranking), rel=1e-5)


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ({"click": None, "conversion": {"after": "click", "loss": "jrc"}}, "give it space: click"),
        ({"click": None, "conversion": {"after": "click", "loss": "focal"}}, "give it space: click"),
        ({"click": {"gamma": 2.0}}, "gamma means nothing beside loss: log"),
        ({"click": {"loss": "focal", "alpha": 0.3}}, "alpha means nothing beside loss: focal"),
        ({"click": {"loss": "focal", "label_smoothing": 0.1}}, "label_smoothing means nothing beside loss: focal"),
        ({"click": {"loss": "jrc", "positive_weight": 2.0}}, "positive_weight means nothing beside loss: jrc"),
        ({"click": None, "t": {"head": "regression", "smearing": True}}, "smearing means nothing beside head: reg"),
        ({"click": {"label_smoothing": 1.0}}, "click.label_smoothing: Input should be less than 1"),
    ],
)
def test_what_means_nothing_is_refused(section, word):
    with pytest.raises(ValueError, match=word):
        Graph(section)


def test_of_what_one_tower_says_over_its_own_space():
    graph = Graph({"click": None, "conversion": {"after": "click", "space": "click", "loss": "jrc"}})
    assert [o.task for o in graph.objectives] == ["ctr", "cvr"]


@pytest.mark.parametrize(
    ("said", "expected"), [({"alpha": 1.0}, (1, 0)), ({"alpha": 0}, (0, 1)), ({"weight": 0}, (0, 0))]
)
def test_the_shares_of_jrc_down_to_none(said, expected):
    net = MultiTask(
        num_field=3, sparse_feature_dim=2, behaviours={"click": {"loss": "jrc", **said}}, tower_fc_sizes=[4]
    )
    found = dynamic(net, VECTORS, LABELS)
    total = expected[0] * found["loss_ctr"] + (expected[1] * found["loss_ctr_joint"] if expected[1] else 0)
    assert found["loss"] == pytest.approx(total, rel=1e-6)
