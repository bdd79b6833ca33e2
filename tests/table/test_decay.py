"""L2 and weight decay of table rows, against NumPy, on the host and on Paddle's device."""

import numpy as np
import paddle
import pytest

from rec.table.decay import Decayed, row_rule
from rec.table.optimizer import SGD, Adagrad


@pytest.mark.parametrize("l2", [0.0, 0.5])
@pytest.mark.parametrize("decay", [0.0, 0.2])
def test_rows_of_a_batch_alone(l2, decay):
    random = np.random.default_rng(0)
    table = random.normal(size=(5, 3)).astype(np.float32)
    gradient = random.normal(size=(2, 3)).astype(np.float32)
    rows = np.array([3, 1])
    before = table.copy()
    rule = Decayed(Adagrad(0.1, epsilon=0.0), l2, decay)
    state = rule.initial_state(5, 3)
    rule.update(table, state, rows, gradient)
    full = gradient + l2 * before[rows]
    expected = before[rows] - 0.1 * full / np.abs(full) - 0.1 * decay * before[rows]
    assert table[rows] == pytest.approx(expected, rel=1e-5)
    assert (table[[0, 2, 4]] == before[[0, 2, 4]]).all()
    tensors = {name: paddle.to_tensor(value[rows] * 0) for name, value in state.items()}
    moved, _ = rule.step(paddle.to_tensor(before[rows]), tensors, paddle.to_tensor(gradient))
    assert moved.numpy() == pytest.approx(expected, rel=1e-5)


def test_the_rate_of_a_step():
    rule = Decayed(SGD(1.0), 0.0, 0.5)
    rule.set_rate(0.1)
    table = np.ones((1, 2), np.float32)
    rule.update(table, {}, np.array([0]), np.ones((1, 2), np.float32))
    assert table == pytest.approx(1 - 0.1 - 0.05)


def test_what_a_config_asks_for():
    own = {"class": "SGD", "learning_rate": {"schedule": "linear", "start": 0.3, "end": 0.1}, "weight_decay": 0.1}
    assert isinstance(row_rule(own, None), SGD)  # the decay is the network's
    table = {"class": "Adagrad", "learning_rate": 0.2, "l2": 0.1}
    found = row_rule(own, table)
    assert isinstance(found, Decayed)
    assert (found.name, found.l2, found.decay, found.rate) == ("Adagrad", np.float32(0.1), 0, pytest.approx(0.2))
