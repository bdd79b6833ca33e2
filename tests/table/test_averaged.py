"""Moving averages of rows that rest between their updates, against NumPy over all rows in every update."""

import numpy as np
import paddle
import pytest

from rec.table.averaged import Averaged
from rec.table.decay import row_rule
from rec.table.device import DeviceTable
from rec.table.host import HostTable
from rec.table.optimizer import SGD, Adagrad

DECAY = 0.9
UPDATES = [[0, 2], [2], [1, 2], [2], [2, 0]]  # the rows of each; row 3 rests throughout


def gradients(rows: list[int]) -> np.ndarray:
    return np.random.default_rng(len(rows) + rows[0]).normal(size=(len(rows), 3)).astype(np.float32)


def test_as_if_every_row_were_averaged_every_time():
    start = np.random.default_rng(5).normal(size=(4, 3)).astype(np.float32)
    table, plain, iterates = start.copy(), start.copy(), []
    rule, alone = Averaged(Adagrad(0.1), DECAY), Adagrad(0.1)
    state, own = rule.initial_state(4, 3), alone.initial_state(4, 3)
    tensors = {name: paddle.to_tensor(value) for name, value in {"weight": start, **state}.items()}
    for step, rows in enumerate(UPDATES, 1):
        rule.steps = step
        rule.update(table, state, np.array(rows), gradients(rows))
        alone.update(plain, own, np.array(rows), gradients(rows))
        iterates.append(plain.astype(np.float64))
        before = {name: paddle.gather(each, paddle.to_tensor(rows)) for name, each in tensors.items()}
        weight, after = rule.step(before.pop("weight"), before, paddle.to_tensor(gradients(rows)))
        for name, value in {"weight": weight, **after}.items():
            paddle.scatter_(tensors[name], paddle.to_tensor(rows), value)
    counts = DECAY ** np.arange(len(UPDATES) - 1, -1, -1)
    expected = np.tensordot(counts, iterates, 1) / counts.sum()
    assert table.tobytes() == plain.tobytes()  # the rule moves as without
    assert rule.averages(table, state) == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert rule.averages(table, state)[3].tobytes() == start[3].tobytes()
    for name, value in state.items():
        assert tensors[name].numpy() == pytest.approx(value, rel=1e-5, abs=1e-6), name


@pytest.mark.parametrize("kind", [HostTable, DeviceTable])
def test_a_table_shows_averages_and_goes_on_as_it_was(kind):
    start = np.ones((2, 3), np.float32)
    rule = Averaged(SGD(1.0), 0.5)
    table = kind(start.copy(), rule) if kind is HostTable else kind(start, rule, paddle.CPUPlace())
    table.show_averages()
    assert (table.weights()["embedding.weight"] == 1).all()  # before any update
    table.show_moved()
    table.take({"weight": start - 1, "average": start * 0.5, "averaged_at": np.array([1, 1])})
    table.set_steps(2)
    table.show_averages()
    # Two updates, which count 1/3 and 2/3: 1, and 0 since.
    assert table.weights()["embedding.weight"] == pytest.approx(1 / 3)
    state = table.optimizer_state()
    assert (state["embedding.weight/moved"] == 0).all()
    again = kind(start.copy(), rule) if kind is HostTable else kind(start, rule, paddle.CPUPlace())
    again.show_averages()
    again.load({**table.weights(), **state})
    again.show_moved()
    assert (again.weights()["embedding.weight"] == 0).all()
    again.show_averages()
    again.load(table.weights())  # without a state averages begin anew
    assert not again.optimizer_state()["embedding.weight/averaged_at"].any()
    assert again.optimizer_state()["embedding.weight/moved"] == pytest.approx(1 / 3)


def test_what_a_config_asks_for():
    found = row_rule({"class": "Adam", "ema": 0.99}, {"class": "Adagrad", "l2": 0.1})
    assert isinstance(found, Averaged)
    assert (found.name, found.decay) == ("Adagrad with ema 0.99", 0.99)
