"""ESMM's equations, with numbers worked out here."""

import math
import sys

import numpy as np
import paddle
import pytest

from rec.nn.features import Features
from support import ESMM as FOLDER


@pytest.fixture
def network(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "net", raising=False)
    from net import ESMM

    return ESMM


def set_logits(net, ctr: float, cvr: float) -> None:
    """Make the towers answer with constant logits."""
    for tower, logit in ((net.ctr, ctr), (net.cvr, cvr)):
        tower.logit.weight.set_value(paddle.zeros_like(tower.logit.weight))
        tower.logit.bias.set_value(paddle.full([1, 1], logit))


def test_loss_by_hand(network):
    """p(click) = .5, p(conversion | click) = .4, so p(both) = .2: one impression clicked, one bought, one ignored."""
    net = network(num_field=2, sparse_feature_dim=3, ctr_fc_sizes=[4], cvr_fc_sizes=[4])
    set_logits(net, 0.0, math.log(0.4 / 0.6))
    outputs = net(Features([paddle.ones([3, 6])], [None]))
    assert outputs["ctcvr"].value.numpy()[:, 0] == pytest.approx([0.2] * 3, rel=1e-6)
    labels = {
        "click": paddle.to_tensor([[1.0], [1.0], [0.0]]),
        "conversion": paddle.to_tensor([[0.0], [1.0], [0.0]]),
    }
    losses = net.losses(outputs, labels)
    assert losses["ctr"].item() == pytest.approx(-math.log(0.5), rel=1e-6)
    assert losses["ctcvr"].item() == pytest.approx(-(2 * math.log(0.8) + math.log(0.2)) / 3, rel=1e-6)


def test_cvr_learns_from_unclicked_impressions(network):
    """The entire space: an impression without a click still moves the CVR tower, through the product."""
    net = network(num_field=1, sparse_feature_dim=2, ctr_fc_sizes=[], cvr_fc_sizes=[])
    set_logits(net, 0.0, 0.0)
    outputs = net(Features([paddle.ones([1, 2])], [None]))
    losses = net.losses(outputs, {"click": paddle.zeros([1, 1]), "conversion": paddle.zeros([1, 1])})
    sum(losses.values()).backward()
    # d -log(1 - pq) / d logit(q) = pq (1 - q) / (1 - pq) = .25 * .5 / .75
    assert net.cvr.logit.bias.grad.item() == pytest.approx(0.25 * 0.5 / 0.75, rel=1e-5)
    # d (-log(1 - p) - log(1 - pq)) / d logit(p) = p + pq (1 - p) / (1 - pq)
    assert net.ctr.logit.bias.grad.item() == pytest.approx(0.5 + 0.25 * 0.5 / 0.75, rel=1e-5)


def test_without_shared_embeddings_each_tower_sees_its_own(network):
    net = network(num_field=2, sparse_feature_dim=3, ctr_fc_sizes=[4], cvr_fc_sizes=[4], share_embedding=False)
    assert net.embedding_dim == 6
    x = paddle.to_tensor(np.random.default_rng(0).normal(size=(1, 12)).astype("float32"), stop_gradient=False)
    net(Features([x], [None]))["cvr"].value.sum().backward()
    used = np.abs(x.grad.numpy().reshape(2, 2, 3)).sum(axis=(0, 2)) > 0
    assert used.tolist() == [False, True]
