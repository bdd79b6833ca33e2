"""Mogujie's weighted loss on a small world that can be enumerated, alike in both graph modes."""

import math

import numpy as np
import paddle
import pytest

from modes import dynamic, static, weights_of
from networks import load, set_logits
from rec.errors import UserError
from rec.nn.features import Features

ESMM = {"click": None, "conversion": {"after": "click"}}
FORMULAS = ("log", "linear", "none")

# Two kinds of impressions, each 20 times at a price of 0, 9 and 99, which no input tells. Of 20, 10 are clicked and 8
# of these convert in the first kind, 4 and 1 in the second: p(conversion) is .4 and .05. At 99 and 1 + log(1 + 99)
# odds of .667 become 3.7: p(conversion) would be above p(click).
KIND = np.repeat([0, 1], 60)
PLACE = np.tile(np.arange(20), 6)
CLICKED, CONVERTED = np.array([10, 4]), np.array([8, 1])
LABELS = {
    "click": (CLICKED[KIND] > PLACE).astype(np.float32).reshape(-1, 1),
    "conversion": (CONVERTED[KIND] > PLACE).astype(np.float32).reshape(-1, 1),
    "price": np.tile(np.repeat([0.0, 9.0, 99.0], 20), 2).astype(np.float32).reshape(-1, 1),
}
VECTORS = np.eye(2, dtype=np.float32)[KIND]


def column(*values: float):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))


@pytest.fixture
def network(monkeypatch):
    """Mogujie on the kinds' one-hot vectors, with towers that are one layer."""
    mogujie = load(monkeypatch, "mogujie", "Mogujie")
    return lambda **settings: mogujie(
        **{"num_field": 1, "sparse_feature_dim": 2, "tower_fc_sizes": [], "behaviours": ESMM, **settings}
    )


def tell_the_truth(net):
    for name, chances in (("click", CLICKED / 20), ("conversion", CONVERTED / CLICKED)):
        logits = np.log(chances / (1 - chances)).astype(np.float32)
        net.towers[name].logit.weight.set_value(paddle.to_tensor(logits.reshape(2, 1)))
        net.towers[name].logit.bias.set_value(paddle.zeros([1, 1]))
    return net


def predicted(net, name: str) -> np.ndarray:
    given = {"price": paddle.to_tensor(LABELS["price"])}
    return net(Features([paddle.to_tensor(VECTORS)], [None]), given)[name].value.numpy()[:, 0]


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_truth_is_where_the_loss_is_least_in_both_modes(network, formula):
    net = tell_the_truth(network(gmv_weight=formula))
    program = static(lambda: network(gmv_weight=formula), weights_of(net), VECTORS, LABELS)
    for found in (dynamic(net, VECTORS, LABELS), program):
        assert found["pctcvr"].reshape(-1) == pytest.approx((CONVERTED / 20)[KIND], rel=1e-5)
        gradients = [value for name, value in found.items() if name.startswith("d ")]
        assert len(gradients) == 4
        assert all(np.abs(gradient).max() < 1e-6 for gradient in gradients)


@pytest.mark.parametrize("formula", FORMULAS)
def test_training_ends_there_and_is_calibrated_over_the_entire_space(network, formula):
    paddle.seed(1)
    net = network(gmv_weight=formula)
    given = {name: paddle.to_tensor(label) for name, label in LABELS.items()}
    features = Features([paddle.to_tensor(VECTORS)], [None])
    optimizer = paddle.optimizer.Adam(0.05, parameters=net.parameters())
    for _ in range(800):
        paddle.add_n(list(net.losses(net(features, given), given).values())).backward()
        optimizer.step()
        optimizer.clear_grad()
    assert predicted(net, "ctr") == pytest.approx((CLICKED / 20)[KIND], rel=2e-3)
    assert predicted(net, "cvr") == pytest.approx((CONVERTED / CLICKED)[KIND], rel=2e-3)
    assert predicted(net, "ctcvr").sum() == pytest.approx(LABELS["conversion"].sum(), rel=2e-3)


def test_losses_and_scores_by_hand(network):
    """pCTR .5, pCVR .4: odds of .25, times w = 1 + log 10 at a price of 9; at 0, and where no price is known, w = 1."""
    net = network()
    set_logits(net, click=0.0, conversion=math.log(0.4 / 0.6))
    price, w = column(9.0, 0.0, math.nan), 1 + math.log(10.0)
    outputs = net(Features([paddle.ones([3, 2])], [None]), {"price": price})
    score = 0.25 * w / (1 + 0.25 * w)
    assert outputs["gmv"].value.numpy()[:, 0] == pytest.approx([score, 0.2, 0.2], rel=1e-5)
    assert outputs["ctcvr"].value.numpy()[:, 0] == pytest.approx([0.2, 0.2, 0.2], rel=1e-5)
    assert outputs["cvr"].value.numpy()[:, 0] == pytest.approx([0.4, 0.4, 0.4], rel=1e-5)
    for converted, expected in (
        ((1, 0, 1), -w * math.log(score) - math.log(0.8) - math.log(0.2)),
        ((0, 1, 0), -math.log(1 - score) - math.log(0.2) - math.log(0.8)),
    ):
        labels = {"click": column(1, 1, 1), "conversion": column(*converted), "price": price}
        assert net.losses(outputs, labels)["ctcvr"].item() == pytest.approx(expected / 3, rel=1e-5)


def test_other_behaviours_and_weights_of_impressions_stay(network):
    behaviours = {"click": None, "conversion": {"after": "click", "sample_weight": "w"}}
    net = network(behaviours=behaviours)
    set_logits(net, click=0.0, conversion=math.log(0.4 / 0.6))
    labels = {"click": column(1, 0), "conversion": column(1, 0), "price": column(9, 9), "w": column(2, 0)}
    parts = net.losses(net(Features([paddle.ones([2, 2])], [None]), labels), labels)
    w = 1 + math.log(10.0)
    assert parts["ctr"].item() == pytest.approx(math.log(2), rel=1e-6)
    assert parts["ctcvr"].item() == pytest.approx(-2 * w * math.log(0.25 * w / (1 + 0.25 * w)) / 2, rel=1e-5)


@pytest.mark.parametrize(
    "behaviours",
    [
        {"click": None},
        {"click": None, "conversion": {"after": "click", "space": "click"}},
        {"click": {"given": True}, "conversion": {"after": "click"}},
        {"click": None, "conversion": {"head": "regression"}},
    ],
)
def test_graphs_without_a_loss_to_weigh_are_refused(network, behaviours):
    with pytest.raises(UserError, match=r"hyper_parameters\.behaviours: the price weighs the loss of a conversion"):
        network(behaviours=behaviours)


def test_a_behaviour_of_the_scores_name_is_refused(network):
    with pytest.raises(UserError, match=r"hyper_parameters\.behaviours: gmv is a score of this network"):
        network(behaviours={**ESMM, "gmv": {"after": "click", "space": "click"}})


def test_paths_of_several_behaviours_have_such_a_loss(network):
    behaviours = {
        "click": None,
        "cart": {"after": "click", "code": "av"},
        "other": {"instead_of": "cart"},
        "conversion": {"after": ["cart", "other"]},
    }
    net = network(behaviours=behaviours)
    labels = {**{name: column(1.0) for name in ("click", "cart", "conversion")}, "price": column(9.0)}
    outputs = net(Features([paddle.ones([1, 2])], [None]), labels)
    w = 1 + math.log(10.0)
    assert net.losses(outputs, labels)["ctcvr"].item() == pytest.approx(
        -w * math.log(outputs["gmv"].value.item()), rel=1e-5
    )
