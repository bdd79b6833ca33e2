"""MGDA's and CAGrad's small problems against closed forms and brute force."""

import itertools

import numpy as np
import paddle
import pytest

from rec.errors import UserError
from rec.nn.weighting import REGISTRY
from rec.nn.weighting.simplex import cagrad_point, min_norm


def products(gradients: np.ndarray) -> paddle.Tensor:
    return paddle.to_tensor((gradients @ gradients.T).astype(np.float32))


def grid(count: int, steps: int) -> np.ndarray:
    """All points of the simplex whose coordinates are multiples of 1 / steps."""
    points = [p for p in itertools.product(range(steps + 1), repeat=count - 1) if sum(p) <= steps]
    return np.array([[*p, steps - sum(p)] for p in points]) / steps


def test_the_shortest_of_two_is_the_closed_form():
    random = np.random.default_rng(0)
    for _ in range(50):
        a, b = random.normal(size=(2, 4)) * [[1.0], [random.choice([0.1, 1, 5])]]
        first = np.clip((b - a) @ b / ((a - b) @ (a - b)), 0, 1)
        found = min_norm(products(np.array([a, b]))).numpy()
        np.testing.assert_allclose(found, [first, 1 - first], atol=1e-5)


@pytest.mark.parametrize("count", [3, 4])
def test_the_shortest_of_more_is_that_of_a_grid(count):
    random, points = np.random.default_rng(1), grid(count, 40)
    for width in (2, 5):  # in two dimensions 0 is often within the gradients' hull, and the minimum is not unique
        for _ in range(10):
            gradients = random.normal(size=(count, width)) * random.uniform(0.1, 3, size=(count, 1))
            found = min_norm(products(gradients)).numpy()
            assert found.min() >= 0
            assert found.sum() == pytest.approx(1)
            best = np.linalg.norm(points @ gradients, axis=1).min()
            length = np.linalg.norm(found @ gradients)
            assert best - 0.1 < length < best + 2e-3
            # And every task gains: g_t . d >= |d|^2 at the optimum.
            assert (gradients @ (found @ gradients)).min() > length**2 - 1e-3


@pytest.mark.parametrize("count", [2, 3])
def test_cagrad_s_dual_is_that_of_a_grid(count):
    random, points = np.random.default_rng(2), grid(count, 2000 if count == 2 else 150)
    for c in (0.2, 0.5, 0.9, 3.0):
        for _ in range(10):
            gradients = random.normal(size=(count, 3)) * random.uniform(0.1, 3, size=(count, 1))
            mean = gradients.mean(axis=0)
            size = c * np.linalg.norm(mean)

            def cost(w: np.ndarray, gradients=gradients, mean=mean, size=size) -> np.ndarray:
                return w @ gradients @ mean + size * np.linalg.norm(w @ gradients, axis=-1)

            found, share = (x.numpy() for x in cagrad_point(products(gradients), c))
            assert found.min() >= 0
            assert found.sum() == pytest.approx(1)
            best = cost(points).min()
            assert best - 2e-2 < cost(found) < best + 1e-4
            assert share == pytest.approx(size / np.linalg.norm(found @ gradients), rel=1e-3)


def step(kind: str, gradients: list, **settings) -> np.ndarray:
    """The gradient that a weighting makes of losses g_t . x."""
    x = paddle.ones([1, len(gradients[0])])
    x.stop_gradient = False
    losses = {str(i): (x * paddle.to_tensor([g])).sum() for i, g in enumerate(gradients)}
    net = REGISTRY.build({"kind": kind, **settings}, weights=dict.fromkeys(losses, 1.0), numbers=set())
    net(losses, dict, [x], []).backward()
    return x.grad.numpy()[0]


def test_mgda_s_step_is_as_long_as_two_losses_weigh():
    # |a (1, 0) + (1 - a) (0, 2)|^2 = a^2 + 4 (1 - a)^2 is least at a = 4/5; twice that, for two losses
    np.testing.assert_allclose(step("mgda", [[1.0, 0.0], [0.0, 2.0]]), [8 / 5, 4 / 5], rtol=1e-6)
    # Of unit length both count alike: 1/2 of (1, 0) and of (0, 1), so weights 1 and 1/2, which sum to 2 as 4/3 and 2/3.
    found = step("mgda", [[1.0, 0.0], [0.0, 2.0]], normalize="norm")
    np.testing.assert_allclose(found, [4 / 3, 4 / 3], rtol=1e-6)
    # The losses at x = (1, 1) are 1 and 2: the same.
    np.testing.assert_allclose(step("mgda", [[1.0, 0.0], [0.0, 2.0]], normalize="loss"), found, rtol=1e-6)


def test_mgda_stands_still_where_gradients_are_opposed():
    np.testing.assert_allclose(step("mgda", [[1.0, 2.0], [-1.0, -2.0]]), [0, 0], atol=1e-6)


def test_cagrad_s_step_by_hand():
    # By symmetry w = (1/2, 1/2), so g_w = g_0: g_0 + c |g_0| g_0 / |g_0| = (1 + c) g_0, twice for two losses.
    np.testing.assert_allclose(step("cagrad", [[1.0, 0.0], [0.0, 1.0]], c=0.5), [1.5, 1.5], rtol=1e-6)


def test_cagrad_is_the_sum_for_c_of_0_and_turns_to_mgda_s_direction():
    gradients = [[1.0, 0.2], [-0.5, 2.0], [0.3, 0.4]]
    np.testing.assert_allclose(step("cagrad", gradients, c=0), np.sum(gradients, axis=0), rtol=1e-6)
    far, mgda = step("cagrad", gradients, c=1e4), step("mgda", gradients)
    np.testing.assert_allclose(far / np.linalg.norm(far), mgda / np.linalg.norm(mgda), atol=1e-3)


NORMALIZED = [("mgda", {"normalize": by}) for by in ("norm", "loss")]


@pytest.mark.parametrize(("kind", "settings"), [("mgda", {}), ("cagrad", {}), *NORMALIZED])
def test_a_loss_without_a_gradient_is_as_if_it_were_not_there(kind, settings):
    both = [[1.0, 0.5], [-0.3, 2.0]]
    np.testing.assert_allclose(step(kind, [*both, [0.0, 0.0]], **settings), step(kind, both, **settings), rtol=1e-5)
    assert step(kind, [[0.0, 0.0], [0.0, 0.0]], **settings).tolist() == [0, 0]


@pytest.mark.parametrize("kind", ["mgda", "cagrad"])
def test_equal_gradients_are_borne(kind):
    found = step(kind, [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    np.testing.assert_allclose(found, {"mgda": [3, 6], "cagrad": [4.5, 9]}[kind], rtol=1e-5)


@pytest.mark.parametrize("kind", ["mgda", "cagrad"])
def test_too_many_losses_are_refused(kind):
    with pytest.raises(UserError, match=rf"{kind} weighs up to 10 losses, found 11: 0, 1, "):
        step(kind, [[1.0]] * 11)
    step(kind, [[1.0, float(i)] for i in range(10)])
