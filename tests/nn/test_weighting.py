"""Weightings of losses on small examples whose answers are worked out here."""

import math

import numpy as np
import paddle
import pytest

from rec.contract.shown import cosines
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.multitask import MultiTask
from rec.nn.weighting import REGISTRY
from rec.nn.weighting.gradnorm import weight_gradients
from rec.nn.weighting.pcgrad import surgery


def two_losses(a=(1.0, 0.0), b=(0.0, 2.0)):
    """Losses a . x and b . x with x = (1, 1): their gradients are a and b."""
    x = paddle.to_tensor([[1.0, 1.0]], stop_gradient=False)
    return x, {"a": (x * paddle.to_tensor(a)).sum(), "b": (x * paddle.to_tensor(b)).sum()}


def total(kind: str, x, losses, weights=None, start=None, **settings):
    weights = weights or dict.fromkeys(losses, 1.0)
    net = REGISTRY.build({"kind": kind, **settings}, weights=weights, numbers={"b"})
    return net, net(losses, lambda: start, [x], [])


def test_fixed_weights():
    x, losses = two_losses()
    _, loss = total("fixed", x, losses, {"a": 3.0, "b": 0.5})
    loss.backward()
    assert loss.item() == pytest.approx(3 * 1 + 0.5 * 2)
    assert x.grad.numpy().tolist() == [[3.0, 1.0]]


def test_uncertainty():
    x, losses = two_losses()
    net, _ = total("uncertainty", x, losses)
    net.log_variance.set_value(paddle.to_tensor([math.log(2.0), math.log(4.0)]))
    loss = net(losses)
    loss.backward()
    # a: exp(-log 2) * 1 + log(2) / 2; b is a number: exp(-log 4) * 2 / 2 + log(4) / 2
    assert loss.item() == pytest.approx(0.5 + 0.25 + (math.log(2) + math.log(4)) / 2, rel=1e-6)
    np.testing.assert_allclose(net.log_variance.grad.numpy(), [0.5 - 0.5, 0.5 - 0.25], atol=1e-6)
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, 0.25]], rtol=1e-6)


def test_pcgrad_leaves_agreeing_gradients_alone():
    x, losses = two_losses((1.0, 1.0), (0.0, 2.0))
    _, loss = total("pcgrad", x, losses)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1.0, 3.0]], rtol=1e-6)


def test_pcgrad_projects_conflicting_ones():
    """a = (1, 0), b = (-1, 1): a loses -1/2 b, so (1/2, 1/2); b loses -1 a, so (0, 1); the sum is (1/2, 3/2)."""
    x, losses = two_losses((1.0, 0.0), (-1.0, 1.0))
    _, loss = total("pcgrad", x, losses)
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[0.5, 1.5]], rtol=1e-6)


def projected(gradients: np.ndarray, order: list[int]) -> np.ndarray:
    """Algorithm 1 on the gradients themselves."""
    out = gradients.copy()
    for i in range(len(out)):
        for j in order:
            along = out[i] @ gradients[j]
            if j != i and along < 0:
                out[i] -= along / (gradients[j] @ gradients[j]) * gradients[j]
    return out.sum(axis=0)


def test_surgery_of_many_tasks_is_the_algorithm():
    random = np.random.default_rng(3)
    for _ in range(20):
        gradients, order = random.normal(size=(4, 3)), random.permutation(4)
        products = paddle.to_tensor((gradients @ gradients.T).astype(np.float32))
        weights = surgery(products, paddle.to_tensor(order)).numpy()
        np.testing.assert_allclose(weights @ gradients, projected(gradients, list(order)), rtol=2e-3, atol=2e-3)


def test_pcgrad_of_three_tasks_uses_some_order():
    x = paddle.to_tensor([[1.0, 1.0]], stop_gradient=False)
    vectors = np.array([[1.0, 0.0], [-1.0, 1.0], [-1.0, -2.0]])
    losses = {str(i): (x * paddle.to_tensor(v.astype(np.float32))).sum() for i, v in enumerate(vectors)}
    _, loss = total("pcgrad", x, losses)
    loss.backward()
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    found = x.grad.numpy()[0]
    assert min(np.abs(found - projected(vectors, order)).max() for order in orders) < 1e-5


def test_gradnorm_by_hand():
    """Norms 1 and 2, losses 1 and 2 against 1 and 1 untrained: b lags behind, by r = 4/3 against 2/3."""
    x, losses = two_losses()
    start = {"a": paddle.to_tensor(1.0), "b": paddle.to_tensor(1.0)}
    net, loss = total("gradnorm", x, losses, start=start, alpha=1.0)
    assert loss.item() == pytest.approx(3.0)  # weights start at 1 and sum to 2; what trains them adds no value
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[1.0, 2.0]], rtol=1e-6)
    # G = (1, 2), mean 1.5, targets 1.5 * (2/3, 4/3) = (1, 2): met exactly, so nothing pulls
    np.testing.assert_allclose(net.logits.grad.numpy(), [0.0, 0.0], atol=1e-6)


def test_gradnorm_raises_the_weight_of_a_task_that_lags():
    slopes = weight_gradients(*map(paddle.to_tensor, ([1.0, 1.0], [1.0, 3.0], [1.0, 1.0], [2.0, 2.0])), 1.0).numpy()
    # G = (2, 2), mean 2, r = (1/2, 3/2): targets (1, 3): |2 - 1| falls with w_a, |2 - 3| falls as w_b rises
    assert slopes.tolist() == [2.0, -2.0]


def test_gradnorm_weights_move_and_keep_their_sum():
    x, losses = two_losses((1.0, 0.0), (0.0, 1.0))
    start = {"a": paddle.to_tensor(1.0), "b": paddle.to_tensor(0.2)}
    net, _ = total("gradnorm", x, losses, start=start)
    optimizer = paddle.optimizer.SGD(0.1, parameters=net.parameters())
    for _ in range(5):
        x, losses = two_losses((1.0, 0.0), (0.0, 1.0))
        net(losses, lambda: start, [x], []).backward()
        optimizer.step()
        optimizer.clear_grad()
    weights = 2 * paddle.nn.functional.softmax(net.logits).numpy()
    assert weights.sum() == pytest.approx(2.0, rel=1e-6)
    assert weights[1] > 1.01 > 0.99 > weights[0]


def test_gradnorm_starts_from_the_configured_weights():
    x, losses = two_losses()
    start = {"a": paddle.to_tensor(1.0), "b": paddle.to_tensor(1.0)}
    _, loss = total("gradnorm", x, losses, {"a": 3.0, "b": 1.0}, start)
    assert loss.item() == pytest.approx(1.5 * 1 + 0.5 * 2, rel=1e-6)


@pytest.mark.parametrize("kind", ["uncertainty", "gradnorm"])
def test_learned_weights_do_not_start_from_0(kind):
    behaviours = {"click": None, "conversion": {"after": "click", "weight": 0.0}}
    settings = {"num_field": 1, "sparse_feature_dim": 2, "tower_fc_sizes": [], "behaviours": behaviours}
    message = rf"hyper_parameters\.behaviours\.conversion\.weight is 0, but weighting {kind} learns the weights"
    with pytest.raises(UserError, match=message):
        MultiTask(**settings, weighting={"kind": kind})
    for fine in ("fixed", "pcgrad"):
        MultiTask(**settings, weighting={"kind": fine})


def test_pcgrad_leaves_out_a_loss_of_weight_0():
    """Though it conflicts with the others: its gradient is none."""
    x, losses = two_losses((1.0, 0.0), (-1.0, 1.0))
    _, loss = total("pcgrad", x, losses, {"a": 2.0, "b": 0.0})
    loss.backward()
    np.testing.assert_allclose(x.grad.numpy(), [[2.0, 0.0]], rtol=1e-6)


def test_dwa_is_its_formula():
    """Periods of 2 steps: means (3, 4), then (1.5, 3); from then on ratios (1/2, 3/4), which T = 2 halves."""
    net = REGISTRY.build({"kind": "dwa", "steps": 2}, weights={"a": 1.0, "b": 3.0}, numbers=set())

    def step(a: float, b: float) -> float:
        return net({"a": paddle.to_tensor(a), "b": paddle.to_tensor(b)}).item()

    for a, b in ((2.0, 5.0), (4.0, 3.0), (1.0, 2.0), (2.0, 4.0)):
        assert step(a, b) == pytest.approx(a + 3 * b, rel=1e-6)  # ones in the first two periods
    raw = np.exp(np.array([0.5, 0.75]) / 2)
    first, second = 2 * raw / raw.sum()
    for a, b in ((1.0, 1.0), (5.0, 7.0)):
        assert step(a, b) == pytest.approx(first * a + second * 3 * b, rel=1e-6)
    # The third period's means are (3, 4): ratios (2, 4/3)
    raw = np.exp(np.array([2.0, 4 / 3]) / 2)
    assert step(1.0, 0.0) == pytest.approx((2 * raw / raw.sum())[0], rel=1e-6)


def test_dwa_keeps_what_it_knows_with_the_weights():
    nets = [REGISTRY.build({"kind": "dwa", "steps": 2}, weights={"a": 1.0, "b": 1.0}, numbers=set()) for _ in range(2)]
    losses = [
        {"a": paddle.to_tensor(a), "b": paddle.to_tensor(b)}
        for a, b in np.arange(1, 15, dtype=np.float32).reshape(7, 2)
    ]
    whole = [nets[0](each).item() for each in losses]
    for each in losses[:3]:
        nets[1](each)
    other = REGISTRY.build({"kind": "dwa", "steps": 2}, weights={"a": 1.0, "b": 1.0}, numbers=set())
    other.set_state_dict({name: value.numpy() for name, value in nets[1].state_dict().items()})
    assert [other(each).item() for each in losses[3:]] == whole[3:]
    assert not [p for p in other.parameters() if not p.stop_gradient]  # no optimizer moves it


def test_random_weights_are_a_softmax_and_repeat_with_the_seed():
    found = []
    for seed in (1, 1, 2):
        paddle.seed(seed)
        x, losses = two_losses((1.0, 0.0), (0.0, 1.0))
        total("random", x, losses)[1].backward()
        found.append(x.grad.numpy()[0])
    assert found[0].tolist() == found[1].tolist() != found[2].tolist()
    assert found[0].sum() == pytest.approx(2.0, rel=1e-6)  # 2 softmax
    x, losses = two_losses((1.0, 0.0), (0.0, 1.0))
    draws = []
    for _ in range(400):
        x.clear_gradient()
        total("random", x, losses)[1].backward(retain_graph=True)
        draws.append(x.grad.numpy()[0, 0])
    logit = np.log(np.array(draws) / (2 - np.array(draws)))  # the difference of two N(0, 1): N(0, 2)
    assert abs(logit.mean()) < 4 * np.sqrt(2 / 400)
    assert logit.var() == pytest.approx(2.0, rel=0.35)


def test_cosines_by_hand():
    """Gradients (1, 0), (-1, 1) and 0: -1 / sqrt(2) between the first two, and nothing to say of the third."""
    x, losses = two_losses((1.0, 0.0), (-1.0, 1.0))
    losses["c"] = (x * 0.0).sum()
    net = MultiTask(1, 2, {"click": None}, [])
    features = Features([x], [None], pulled=[x])
    found = cosines(net, {f"loss_{name}": loss for name, loss in losses.items()}, features)
    assert found["ratio_cosine_a_b"].numpy() == pytest.approx([-1 / math.sqrt(2), 1], rel=1e-6)
    assert found["ratio_cosine_a_c"].numpy().tolist() == found["ratio_cosine_b_c"].numpy().tolist() == [0, 0]
