"""Smaller parts: numbers, interactions, order within requests, position."""

import math

import numpy as np
import paddle
import pytest

from rec.nn.features import Features
from rec.nn.masks import masked_mean
from rec.nn.multitask import MultiTask
from rec.nn.probability import Probability
from rec.nn.ranking import pairwise_loss
from rec.nn.regression import RegressionHead
from rec.nn.shallow import ShallowTower, split_fields

RANDOM = np.random.default_rng(2)


def column(*values: float):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))


def probability(*values: float) -> Probability:
    return Probability(column(*(math.log(p / (1 - p)) for p in values)))


def test_numbers():
    assert RegressionHead(column(2.0), False).loss(column(5.0)).item() == 9.0
    on_log_scale = RegressionHead(column(math.log(4.0)), True)
    assert on_log_scale.value.item() == pytest.approx(3.0, rel=1e-6)
    assert on_log_scale.loss(column(math.e - 1)).item() == pytest.approx((1 - math.log(4.0)) ** 2, rel=1e-5)


def test_numbers_start_where_they_are_told():
    assert RegressionHead(column(0.5), False, start=3.0).value.item() == 3.5
    assert RegressionHead(column(0.0), True, start=20.0).value.item() == pytest.approx(20.0, rel=1e-5)


def test_masked_mean():
    assert masked_mean(column(1.0, 2.0, 6.0), column(1.0, 0.0, 1.0)).item() == 3.5
    assert masked_mean(column(1.0, 2.0), column(0.0, 0.0)).item() == 0.0


def test_pairwise_loss_by_hand():
    """Request 0 holds two pairs, (a, b) and (a, c); request 1 none; a and d are never compared."""
    scores, label, request = column(1.0, 0.0, 2.0, 5.0), column(1, 0, 0, 0), column(0, 0, 0, 1)
    scores.stop_gradient = False
    loss = pairwise_loss(scores, label, request)
    assert loss.item() == pytest.approx((math.log1p(math.exp(-1)) + math.log1p(math.exp(1))) / 2, rel=1e-6)
    loss.backward()
    below, above = 1 / (1 + math.e), 1 / (1 + math.exp(-1))  # sigmoid(s_j - s_i) of the two pairs
    np.testing.assert_allclose(
        scores.grad.numpy()[:, 0], [-(below + above) / 2, below / 2, above / 2, 0.0], rtol=1e-5, atol=1e-7
    )
    assert pairwise_loss(scores, label, request, column(1, 1, 0, 1)).item() == pytest.approx(
        math.log1p(math.exp(-1)), rel=1e-6
    )
    assert pairwise_loss(scores, column(0, 0, 0, 0), request).item() == 0.0


def test_a_probability_given_its_cause():
    p = probability(0.1).given(probability(0.4))
    assert p.value.item() == pytest.approx(0.25, rel=1e-5)
    assert math.exp(p.log_not_p.item()) == pytest.approx(0.75, rel=1e-5)
    assert probability(0.4).given(probability(0.4)).value.item() <= 1.0


@pytest.mark.parametrize(
    ("indices", "taken", "rest"),
    [
        ([0], [[0, 1], [4, 5], [0, 1]], [[2, 3, 10, 11], [6, 7, 12, 13], [2, 3, 14, 15]]),
        ([2], [[10, 11], [12, 13], [14, 15]], [[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3]]),
        ([2, 1], [[2, 3, 10, 11], [6, 7, 12, 13], [2, 3, 14, 15]], [[0, 1], [4, 5], [0, 1]]),
    ],
)
def test_fields_are_split_off(indices, taken, rest):
    """Two fields in common rows 0, 1 of impressions 0, 1, 0, and one field of the impressions' own."""
    common, own = np.arange(8, dtype=np.float32).reshape(2, 4), np.arange(10, 16, dtype=np.float32).reshape(3, 2)
    row_index = paddle.to_tensor(np.array([0, 1, 0]))
    features = Features([paddle.to_tensor(common), paddle.to_tensor(own)], [row_index, None], on_host=True)
    vectors, others = split_fields(features, indices, 2)
    assert vectors.numpy().tolist() == taken
    assert others.dense().numpy().tolist() == rest
    assert others.on_host
    copied_out = 2 in indices  # the own block would be left without a field
    assert others.blocks[0].shape[0] == (3 if copied_out else 2)


def test_bias_fields_are_hidden_together_and_unscaled():
    """Of two fields with logits 1 and 2 in one tower, 10 and 20 in another, an impression shows both or neither."""
    net = ShallowTower(2, towers=2, dropout=0.25)
    net.weight.set_value(paddle.to_tensor(np.array([[1, 10], [2, 20]], np.float32)))
    paddle.seed(0)
    found = net(paddle.ones([4000, 2])).numpy()
    assert {tuple(row) for row in found.tolist()} == {(0.0, 0.0), (3.0, 30.0)}
    assert np.mean(found[:, 0] == 0) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 4000))
    net.eval()
    assert (net(paddle.ones([10, 2])).numpy() == [3.0, 30.0]).all()


def weighted_network() -> MultiTask:
    behaviours = {
        "click": {"pairwise": 0.5, "weight": 2.0},
        "rating": {"head": "regression", "space": "click", "sample_weight": "w"},
    }
    net = MultiTask(num_field=1, sparse_feature_dim=2, behaviours=behaviours, tower_fc_sizes=[])
    for tower, logit in zip(net.towers.values(), (0.0, 3.0), strict=True):
        tower.logit.weight.set_value(paddle.zeros([2, 1]))
        tower.logit.bias.set_value(paddle.full([1, 1], logit))
    return net


def test_weights_masks_and_unknown_numbers_in_a_loss():
    """Ratings 5 and 1 of clicked impressions count 4 w and 4 w; one is unknown, one has no click."""
    net, features = weighted_network(), Features([paddle.ones([4, 2])], [None])
    labels = {
        "click": column(1, 1, 1, 0),
        "rating": column(5, 1, math.nan, 2),
        "w": column(1.0, 0.5, 9.0, 9.0),
        "request_id": column(0, 0, 1, 1),
    }
    parts = net.losses(net(features), labels)
    assert parts["rating"].item() == pytest.approx((4 * 1.0 + 4 * 0.5) / 2, rel=1e-6)
    assert parts["ctr"].item() == pytest.approx(math.log(2), rel=1e-6)
    assert parts["ctr_pairs"].item() == pytest.approx(math.log(2), rel=1e-6)  # one pair of equal scores
    total = net.combine(parts, labels, features)
    assert total.item() == pytest.approx(2 * math.log(2) + 0.5 * math.log(2) + 3.0, rel=1e-6)
