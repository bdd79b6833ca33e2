"""What YouTube's ranker serves, on worlds small enough to list every impression: of which probability it is."""

import numpy as np
import paddle
import pytest

from networks import load
from rec.nn.features import Features

ITEMS, POSITIONS = 3, 2
DROPOUT = 0.1
P_ITEM = np.array([0.5, 0.3, 0.2])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def logit(p):
    return np.log(p / (1 - p))


def fitted(monkeypatch, p_position: np.ndarray, p_click: np.ndarray) -> np.ndarray:
    """pCTR served for each item, [ITEMS], once the expected loss over the whole world is at its minimum.

    Args:
        p_position: p(position | item), [ITEMS, POSITIONS].
        p_click: p(click | item, position), likewise.
    """
    net = load(monkeypatch, "youtube", "YouTube")(
        num_field=2, sparse_feature_dim=ITEMS, fields=["item", "position_id"], tower_fc_sizes=[],
        behaviours={"click": {"sample_weight": "w"}}, position_dropout=DROPOUT,
    )  # fmt: skip
    item, position, click = (a.ravel() for a in np.meshgrid(range(ITEMS), range(POSITIONS), [0, 1], indexing="ij"))
    chance = np.where(click == 1, p_click[item, position], 1 - p_click[item, position])
    weight = len(item) * P_ITEM[item] * p_position[item, position] * chance
    vectors = np.concatenate([np.eye(ITEMS)[item], np.eye(ITEMS)[position]], axis=1).astype(np.float32)
    features = Features([paddle.to_tensor(vectors)], [None])
    labels = {"click": column(click), "w": column(weight)}
    optimizer = paddle.optimizer.LBFGS(parameters=net.parameters(), line_search_fn="strong_wolfe", max_iter=200)

    def expected_loss():
        optimizer.clear_grad()
        total = 0.0
        for hidden, share in ((0.0, 1 - DROPOUT), (1.0, DROPOUT)):
            net.shallow.dropout = hidden
            total = total + share * net.losses(net(features), labels)["ctr"]
        total.backward()
        return total

    optimizer.step(expected_loss)
    net.eval()
    served = net(features)["ctr"].value.numpy()[:, 0]
    return np.array([served[item == i][0] for i in range(ITEMS)])


def column(values):
    return paddle.to_tensor(values.astype(np.float32).reshape(-1, 1))


def test_served_is_the_click_rate_of_an_impression_whose_position_is_unknown(monkeypatch):
    """Logits are additive, and each item stands on position 0 as often as makes the position's effect cancel out.

    Then hidden and shown impressions are fitted at once, so the minimum is known: an item's marginal click rate. A bias
    in the shallow tower would take a part of its logit away in serving.
    """
    marginal, effect = np.array([0.1, 0.3, 0.6]), np.array([0.8, -1.2])
    p_click = sigmoid(logit(marginal)[:, None] + effect)
    first = (marginal - p_click[:, 1]) / (p_click[:, 0] - p_click[:, 1])
    p_position = np.stack([first, 1 - first], axis=1)
    assert (p_position > 0).all()
    assert (p_position * p_click).sum(axis=1) == pytest.approx(marginal)
    assert fitted(monkeypatch, p_position, p_click) == pytest.approx(marginal, abs=2e-4)


def test_served_is_right_in_the_mean_and_ranks_by_relevance(monkeypatch):
    """Users look at position 1 a third as often; an older ranker puts the least relevant item first.

    The mean of what is served is the click rate, whatever the world. Item by item it is not the marginal click rate,
    which the older ranker's order is part of: by that the first item would be the best.
    """
    relevance, examined = np.array([0.3, 0.4, 0.5]), np.array([1.0, 1 / 3])
    p_position = np.array([[0.95, 0.05], [0.5, 0.5], [0.05, 0.95]])
    p_click = relevance[:, None] * examined
    marginal = (p_position * p_click).sum(axis=1)
    assert (np.diff(marginal) < 0).all()
    served = fitted(monkeypatch, p_position, p_click)
    assert P_ITEM @ served == pytest.approx(P_ITEM @ marginal, abs=1e-4)
    assert (np.diff(served) > 0).all()
