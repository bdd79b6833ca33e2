"""The embedding table: pooling, its gradient, and the row-wise optimizers, on the host and through Paddle."""

import numpy as np
import paddle
import pytest

from rec.data.batch import Bags, Batch
from rec.data.distinct import DistinctIds
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import SGD, Adagrad, Adam

V, D = 12, 3


def batch_of(*blocks, weights=None, row_index=None) -> Batch:
    """A batch of blocks of rows of fields of ids, e.g. `[[[1, 2], []]]`: one row, two fields."""
    flat = [np.array([i for row in block for bag in row for i in bag], np.int32) for block in blocks]
    rows, positions = DistinctIds(V)(*flat)
    bags = []
    for block, where in zip(blocks, positions, strict=True):
        lengths = [len(bag) for row in block for bag in row]
        offsets = np.cumsum([0, *lengths]).astype(np.int32)
        bags.append(Bags(len(block[0]), where, offsets, weights, row_index))
    count = len(blocks[-1])
    return Batch(rows, tuple(bags), {}, np.arange(count).astype(np.bytes_))


def weight_matrix() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(V, D)).astype(np.float32)


BATCH = batch_of([[[3], [5, 5, 7]], [[], [3]], [[11, 0], []]])


def test_distinct_ids_are_numbered_by_first_appearance():
    rows, (a, b) = DistinctIds(10)(np.array([4, 2, 4, 9], np.int32), np.array([2, 7], np.int32))
    assert rows.tolist() == [4, 2, 9, 7]
    assert (a.tolist(), b.tolist()) == ([0, 1, 0, 2], [1, 3])
    find = DistinctIds(10)
    assert [find(np.array([1], np.int32))[0].tolist() for _ in range(2)] == [[1], [1]]


def test_a_bag_is_the_sum_of_its_rows():
    w = weight_matrix()
    (pooled,) = HostTable(w, SGD()).pull(BATCH)
    zero = np.zeros(D)
    expected = [[w[3], w[5] + w[5] + w[7]], [zero, w[3]], [w[11] + w[0], zero]]
    np.testing.assert_allclose(pooled.reshape(3, 2, D), expected, rtol=1e-6)


def test_weights_multiply_each_token():
    w = weight_matrix()
    weights = np.array([0.5, 2, 1, 3], np.float32)
    (pooled,) = HostTable(w, SGD()).pull(batch_of([[[3], [5, 5, 7]]], weights=weights))
    np.testing.assert_allclose(pooled.reshape(2, D), [0.5 * w[3], 3 * w[5] + 3 * w[7]], rtol=1e-6)


def test_the_gradient_reaches_each_row_once_per_token():
    w = weight_matrix()
    before = w.copy()
    gradient = np.random.default_rng(1).normal(size=(3, 2 * D)).astype(np.float32)
    g = gradient.reshape(3, 2, D)
    table = HostTable(w, SGD(learning_rate=0.1))
    table.push(BATCH, [gradient])
    w = table.arrays()["weight"]
    total = np.zeros((V, D))
    total[3] = g[0, 0] + g[1, 1]
    total[5], total[7] = 2 * g[0, 1], g[0, 1]
    total[11] = total[0] = g[2, 0]
    np.testing.assert_allclose(w, before - 0.1 * total, rtol=1e-5, atol=1e-7)
    untouched = [1, 2, 4, 6, 8, 9, 10]
    assert np.array_equal(w[untouched], before[untouched])


def test_adam_on_rows_against_its_equations():
    """Row 1 is present in steps 1 and 3 only: its moments rest in step 2, and step 3 is its second update."""
    w, optimizer = np.ones((2, 1), np.float32), Adam(learning_rate=0.1, beta1=0.9, beta2=0.99, epsilon=1e-8)
    state = optimizer.initial_state(2, 1)
    for rows, gradients in (([0, 1], [[0.5], [2.0]]), ([0], [[1.0]]), ([1], [[-1.0]])):
        optimizer.update(w, state, np.array(rows), np.array(gradients, np.float32))
    m, v = 0.1 * 2.0, 0.01 * 4.0
    first = 0.1 * (m / 0.1) / (np.sqrt(v / 0.01) + 1e-8)
    assert first == pytest.approx(0.1)  # a first update moves by the learning rate, whatever the gradient
    m, v = 0.9 * m + 0.1 * -1.0, 0.99 * v + 0.01 * 1.0
    second = 0.1 * (m / (1 - 0.9**2)) / (np.sqrt(v / (1 - 0.99**2)) + 1e-8)
    assert w[1, 0] == pytest.approx(1 - first - second, rel=1e-6)
    assert state["steps"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("ours", "paddles"),
    [
        (Adam(learning_rate=0.01), lambda p: paddle.optimizer.Adam(0.01, parameters=p)),
        (Adagrad(learning_rate=0.01), lambda p: paddle.optimizer.Adagrad(0.01, parameters=p)),
        (SGD(learning_rate=0.01), lambda p: paddle.optimizer.SGD(0.01, parameters=p)),
    ],
)
def test_rows_present_in_every_step_move_as_in_paddles_dense_optimizer(ours, paddles):
    w = weight_matrix()
    parameter = paddle.base.framework.EagerParamBase.from_tensor(paddle.to_tensor(w))
    reference = paddles([parameter])
    state, random = ours.initial_state(V, D), np.random.default_rng(2)
    for _ in range(20):
        gradient = random.normal(size=(V, D)).astype(np.float32)
        ours.update(w, state, np.arange(V), gradient)
        (parameter * paddle.to_tensor(gradient)).sum().backward()
        reference.step()
        reference.clear_grad()
    np.testing.assert_allclose(w, parameter.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optimizer", [Adam(0.05), Adagrad(0.05), SGD(0.05)])
def test_the_device_table_is_the_host_table(optimizer):
    random = np.random.default_rng(3)
    host = HostTable(weight_matrix(), optimizer)
    device = DeviceTable(weight_matrix(), optimizer, paddle.CPUPlace())
    shared = batch_of([[[1, 2, 2], [4]], [[], []]], row_index=np.array([0, 1, 1], np.int32))
    own = batch_of([[[9]], [[1]], [[]]])
    mixed = batch_of([[[1, 2, 2], [4]], [[], []]], [[[9]], [[1]], [[]]])
    weighted = batch_of([[[3], [5, 5, 7]]], weights=np.array([0.5, 2, 1, 3], np.float32))
    for batch in (BATCH, shared, own, mixed, weighted, batch_of([[[], []]])) * 3:
        a, b = host.pull(batch), device.pull(batch)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y.numpy(), rtol=1e-5, atol=1e-6)
        gradients = [random.normal(size=x.shape).astype(np.float32) for x in a]
        host.push(batch, gradients)
        device.push(batch, gradients)
    for name, value in host.arrays().items():
        np.testing.assert_allclose(value, device.arrays()[name], rtol=1e-4, atol=1e-6)


def test_state_round_trips():
    a, b = HostTable(weight_matrix(), Adam()), HostTable(np.zeros((V, D), np.float32), Adam())
    (pooled,) = a.pull(BATCH)
    a.push(BATCH, [pooled])
    b.load({**a.weights(), **a.optimizer_state()})
    for name, value in a.arrays().items():
        assert np.array_equal(value, b.arrays()[name])
