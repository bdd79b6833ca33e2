"""`nn.Embedding` of PaddleRec's directories: ids are checked, and sparse=True trains as a dense embedding does."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import pytest

from rec.engine.embeddings import check_lookups
from rec.engine.optimizers import Optimizers
from rec.errors import UserError
from rec.kernels import deferred
from rec.optimize.layers import embeddings
from support import ROOT

ROWS, WIDTH = 60, 4
START = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype("float32")
ODDS = np.arange(1, ROWS + 1) ** -1.5
"""Odds of an id: row 0 is in nearly every step, the last in one of a hundred."""

Make = Callable[..., Any]


def lookups(steps: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Ids of each step, with repetitions, and what their squared vectors are multiplied by."""
    random = np.random.default_rng(5)
    odds = ODDS / ODDS.sum()
    return [(random.choice(ROWS, 6, p=odds), random.normal(size=(6, WIDTH)).astype("float32")) for _ in range(steps)]


class Net(paddle.nn.Layer):
    """An embedding and a factor that the vectors are multiplied by."""

    def __init__(self, sparse: bool, **settings: Any) -> None:
        super().__init__()
        self.table = paddle.nn.Embedding(ROWS, WIDTH, sparse=sparse, **settings)
        self.factor = self.create_parameter([WIDTH], default_initializer=paddle.nn.initializer.Constant(0.3))

    def loss(self, ids: np.ndarray, target: np.ndarray) -> Any:
        return ((self.table(paddle.to_tensor(ids)) * self.factor - paddle.to_tensor(target)) ** 2).mean()


def start(make: Make, sparse: bool, network: Any = None, rows: bool | None = None, **settings: Any) -> Any:
    """A network at START, and its optimizers, which move rows if it is sparse unless told otherwise."""
    with paddle.utils.unique_name.guard():
        net = (network or Net)(sparse, **settings)
        net.table.weight.set_value(START)
        made = make(parameters=net.parameters())
    return net, Optimizers(made, net, rows=sparse if rows is None else rows)


def train(net: Any, optimizers: Optimizers, batches: list[Any], after: Callable[[], None] = lambda: None) -> None:
    net.train()
    for batch in batches:
        optimizers.begin()
        net.loss(*batch).backward()
        optimizers.gather()
        optimizers.step()
        after()
    optimizers.sparse.settle()


def names(net: Any) -> dict[str, str]:
    return {name: tensor.name for name, tensor in net.state_dict().items()}


def optimizer(name: str, rate: float = 0.02, **settings: Any) -> Make:
    return lambda parameters: getattr(paddle.optimizer, name)(rate, parameters=parameters, **settings)


KINDS = {
    "SGD": optimizer("SGD", 0.3),
    "SGD, L2": optimizer("SGD", weight_decay=0.02),
    "Momentum": optimizer("Momentum"),
    "Momentum, Nesterov": optimizer("Momentum", use_nesterov=True),
    "Momentum, L2": optimizer("Momentum", weight_decay=0.02),
    "Adagrad": optimizer("Adagrad", initial_accumulator_value=0.1),
    "Adagrad, L2": optimizer("Adagrad", weight_decay=0.02),
    "RMSProp": optimizer("RMSProp"),
    "RMSProp, centred, momentum": optimizer("RMSProp", 0.002, momentum=0.9, centered=True),
    "Adam": optimizer("Adam"),
    "Adam, slow": optimizer("Adam", beta1=0.8, beta2=0.9),
    "Adam, L2": optimizer("Adam", weight_decay=0.02),
    "AdamW": optimizer("AdamW", weight_decay=0.05),
    "AdamW, elsewhere": optimizer(
        "AdamW", weight_decay=0.05, apply_decay_param_fun=lambda name: "embedding" not in name
    ),
    "Adam, norm of all": optimizer("Adam", grad_clip=paddle.nn.ClipGradByGlobalNorm(0.1)),
    "SGD, norm of all": optimizer("SGD", 0.6, grad_clip=paddle.nn.ClipGradByGlobalNorm(0.1)),
    "SGD, norm of each": optimizer("SGD", 0.3, grad_clip=paddle.nn.ClipGradByNorm(0.1)),
    "SGD, value": optimizer("SGD", 0.3, grad_clip=paddle.nn.ClipGradByValue(0.02)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_move_as_a_dense_embedding(kind):
    found = []
    for sparse in (False, True):
        net, optimizers = start(KINDS[kind], sparse)
        train(net, optimizers, lookups(600))
        assert optimizers.sparse.names == ([net.table.weight.name] if sparse else [])
        found.append((net.table.weight.numpy(), net.factor.numpy(), optimizers.state(names(net))[0]))
    (dense, factor, states), (rows, own_factor, own_states) = found
    assert np.abs(dense - START).max() > 0.1
    assert rows == pytest.approx(dense, abs=1e-5)
    assert own_factor == pytest.approx(factor, abs=1e-5)
    assert own_states.keys() == states.keys()
    for name, value in states.items():
        assert own_states[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def adam(steps: int, lazy: bool, rates: list[float]) -> np.ndarray:
    """Adam (Kingma & Ba, ICLR 2015, Algorithm 1) in float64, the factor held at 0.3."""
    weight = START.astype("float64")
    m, v = np.zeros_like(weight), np.zeros_like(weight)
    for t, (ids, target) in enumerate(lookups(steps), 1):
        gradient = np.zeros_like(weight)
        np.add.at(gradient, ids, 2 * (weight[ids] * 0.3 - target) * 0.3 / target.size)
        rows = np.unique(ids) if lazy else np.arange(ROWS)
        m[rows] = 0.9 * m[rows] + 0.1 * gradient[rows]
        v[rows] = 0.999 * v[rows] + 0.001 * gradient[rows] ** 2
        weight[rows] -= rates[t - 1] * (m[rows] / (1 - 0.9**t)) / (np.sqrt(v[rows] / (1 - 0.999**t)) + 1e-8)
    return weight


@pytest.mark.parametrize("lazy", [False, True])
def test_adam_is_that_of_the_paper_under_a_schedule(lazy):
    """A thousand steps, rows touched at all rates; Paddle's own sparse Adam corrects its bias as of step t + 1."""
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(0.02, 300)
    rates = []

    def after() -> None:
        rates.append(schedule())
        schedule.step()

    def make(parameters):
        table = [parameter for parameter in parameters if parameter.name.startswith("embedding")]
        return paddle.optimizer.Adam(schedule, parameters=table, lazy_mode=lazy)

    net, optimizers = start(make, True)
    train(net, optimizers, lookups(1000), after)
    assert net.table.weight.numpy() == pytest.approx(adam(1000, lazy, rates), abs=1e-5)


def test_a_row_that_rests_costs_nothing_until_it_is_needed():
    net, optimizers = start(KINDS["Adam"], True)
    train(net, optimizers, [(np.array([7]), np.ones((1, WIDTH), "float32"))])
    optimizers.begin()
    after_one = net.table.weight.numpy()
    for _ in range(5):
        optimizers.begin()
        net.loss(np.array([3]), np.ones((1, WIDTH), "float32")).backward()
        optimizers.gather()
        optimizers.step()
    assert (net.table.weight.numpy()[7] == after_one[7]).all()
    optimizers.sparse.settle()
    assert (net.table.weight.numpy()[7] != after_one[7]).all()
    assert (net.table.weight.numpy()[8:] == START[8:]).all()


def test_what_is_left_of_a_moment_moves_nothing_after_its_limit():
    """A row touched once, then 400 steps without: the 198 of the limit are all that a float32 sees."""
    still = [(np.array([3]), np.ones((1, WIDTH), "float32"))] * 400
    found = []
    for sparse in (False, True):
        net, optimizers = start(KINDS["Adam"], sparse)
        train(net, optimizers, [(np.array([7]), np.ones((1, WIDTH), "float32")), *still])
        found.append(net.table.weight.numpy()[7])
    assert np.abs(found[0] - START[7]).min() > 0.1
    assert found[1] == pytest.approx(found[0], abs=1e-5)


def test_resumed_in_the_middle_it_ends_bit_for_bit_the_same():
    batches = lookups(120)
    whole, optimizers = start(KINDS["AdamW"], True)
    train(whole, optimizers, batches[:60])
    state, weights = optimizers.state(names(whole)), {k: v.numpy().copy() for k, v in whole.state_dict().items()}
    state = ({name: value.copy() for name, value in state[0].items()}, state[1])
    train(whole, optimizers, batches[60:])
    again, optimizers = start(KINDS["AdamW"], True)
    again.set_state_dict(weights)
    optimizers.load(*state, names(again))
    train(again, optimizers, batches[60:])
    assert (again.table.weight.numpy() == whole.table.weight.numpy()).all()
    assert (again.factor.numpy() == whole.factor.numpy()).all()


def test_a_dense_embeddings_state_goes_on_by_rows():
    batches = lookups(120)
    dense, first = start(KINDS["Adam"], False)
    train(dense, first, batches[:60])
    rows, second = start(KINDS["Adam"], True)
    rows.set_state_dict(dense.state_dict())
    second.load(*first.state(names(dense)), names(rows))
    for net, optimizers in ((dense, first), (rows, second)):
        train(net, optimizers, batches[60:])
    assert rows.table.weight.numpy() == pytest.approx(dense.table.weight.numpy(), abs=1e-5)


@pytest.mark.parametrize("kind", ["Adam", "Momentum, L2"])
def test_padding_never_moves_and_has_no_gradient(kind):
    batches = [(np.where(ids == 1, 0, ids), target) for ids, target in lookups(100)]
    found = []
    for sparse in (False, True):
        net, optimizers = start(KINDS[kind], sparse, padding_idx=0)
        train(net, optimizers, batches)
        found.append((net.table.weight.numpy()[1:], net.factor.numpy()))
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-5)
    assert found[1][1] == pytest.approx(found[0][1], abs=1e-5)


class Twice(Net):
    """One embedding looked up twice, as shared ones are, in a layer of layers."""

    def __init__(self, sparse: bool) -> None:
        super().__init__(sparse)
        self.inner = paddle.nn.LayerList([self.table])

    def loss(self, ids: np.ndarray, target: np.ndarray) -> Any:
        mirrored = self.inner[0](paddle.to_tensor(ROWS - 1 - ids.reshape(2, 3)))
        return super().loss(ids, target) + (mirrored**2 * self.factor).mean()


class Tied(Net):
    """An embedding whose weight is used as a whole too."""

    def loss(self, ids: np.ndarray, target: np.ndarray) -> Any:
        return super().loss(ids, target) + 0.01 * (self.table.weight**2).mean()


@pytest.mark.parametrize(("network", "dense"), [(Twice, False), (Tied, True)])
def test_shared_and_tied_embeddings(network, dense):
    found = []
    for sparse in (False, True):
        net, optimizers = start(KINDS["Adam"], sparse, network)
        train(net, optimizers, lookups(100))
        found.append(net.table.weight.numpy())
    assert optimizers.sparse.names == ([] if dense else [net.table.weight.name])
    assert found[1] == pytest.approx(found[0], abs=1e-5)


class TiedLater(Tied):
    """One whose weight is used as a whole from the eleventh step on."""

    steps = 0

    def loss(self, ids: np.ndarray, target: np.ndarray) -> Any:
        self.steps += 1
        return Tied.loss(self, ids, target) if self.steps > 10 else Net.loss(self, ids, target)


def test_a_weight_used_as_a_whole_only_later_is_warned_of(caplog):
    found = []
    for sparse in (False, True):
        net, optimizers = start(KINDS["Adam"], sparse, TiedLater)
        train(net, optimizers, lookups(30))
        found.append(net.table.weight.numpy())
    assert "embedding table: step 11 is the first to use its weight as a whole" in caplog.text
    assert found[1] == pytest.approx(found[0], abs=1e-3)  # 5e-4 from that one step


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_network_of_an_embedding_alone_is_clipped(name):
    """d loss / d row 3 is (2, 2, 2, 2), whose norm is 4: clipped to 1 it is (.5, .5, .5, .5)."""
    net = paddle.nn.Sequential(paddle.nn.Embedding(ROWS, WIDTH, sparse=True))
    net[0].weight.set_value(START)
    made = optimizer(name, 0.1, grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0))(parameters=net.parameters())
    optimizers = Optimizers(made, net, rows=True)
    optimizers.begin()
    (2 * net(paddle.to_tensor([3]))).sum().backward()
    optimizers.gather()
    optimizers.step()
    moved = net[0].weight.numpy() - START
    assert moved[3] == pytest.approx([-0.05 if name == "SGD" else -0.1] * WIDTH, rel=1e-4)
    assert (np.delete(moved, 3, axis=0) == 0).all()


@pytest.mark.parametrize("steps", [0, 10])
def test_an_embedding_that_is_frozen_then_stays_as_it_is(steps):
    net, optimizers = start(KINDS["Adam"], True)
    train(net, optimizers, lookups(steps))
    before = net.table.weight.numpy().copy()
    net.table.weight.stop_gradient = True
    train(net, optimizers, lookups(5))
    assert (net.table.weight.numpy() == before).all()


def test_a_copy_of_the_network_has_embeddings_of_its_own():
    net, optimizers = start(KINDS["Adam"], True)
    twin = copy.deepcopy(net)
    twin.table.weight.set_value(2 * START)
    optimizers.begin()
    ids = paddle.to_tensor([3, 7])
    assert (twin.table(ids).numpy() == 2 * START[[3, 7]]).all()
    assert (net.table(ids).numpy() == START[[3, 7]]).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_a_large_dense_embedding_is_moved_by_rows_too(lazy, monkeypatch):
    """`lazy_mode` is for sparse gradients: a dense embedding's rows move at rest all the same."""
    make, found = optimizer("Adam", lazy_mode=lazy), []
    for large in (False, True):
        monkeypatch.setattr("rec.optimize.layers.LARGE", ROWS if large else ROWS + 1)
        net, optimizers = start(make, False, rows=True)
        train(net, optimizers, lookups(100))
        assert optimizers.sparse.names == ([net.table.weight.name] if large else [])
        found.append(net.table.weight.numpy())
    assert found[1] == pytest.approx(found[0], abs=1e-5)


def test_a_resumed_tied_embedding_takes_its_state_along():
    found = []
    for sparse in (False, True):
        net, first = start(KINDS["Adam"], False, Tied)
        train(net, first, lookups(30))
        again, second = start(KINDS["Adam"], sparse, Tied)
        again.set_state_dict(net.state_dict())
        second.load(*first.state(names(net)), names(again))
        train(again, second, lookups(40)[30:])
        found.append(again.table.weight.numpy())
    assert found[1] == pytest.approx(found[0], abs=1e-5)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (optimizer("Adadelta"), "Adadelta"),
        (optimizer("Adam", amsgrad=True), "amsgrad"),
        (optimizer("Adam", weight_decay=paddle.regularizer.L1Decay(0.1)), "L1Decay"),
        (lambda parameters: paddle.optimizer.Adam(parameters=[{"params": parameters}]), "parameter groups"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_rule_trains_dense_and_is_named(make, reason, caplog):
    caplog.set_level("INFO")
    found = []
    for sparse in (False, True):
        net, optimizers = start(make, sparse)
        train(net, optimizers, lookups(20))
        found.append(net.table.weight.numpy())
    assert (found[0] == found[1]).all()
    assert f"embedding table gets dense gradients: no rule for rows under {reason}" in caplog.text


def test_two_optimizers_each_move_their_own():
    found = []
    for sparse in (False, True):
        net, _ = start(KINDS["SGD"], sparse, rows=False)
        made = (paddle.optimizer.SGD(0.5, [net.factor]), paddle.optimizer.Adam(0.01, parameters=[net.table.weight]))
        optimizers = Optimizers(made, net, rows=sparse)
        train(net, optimizers, lookups(50))
        found.append((net.table.weight.numpy(), net.factor.numpy(), sorted(optimizers.state(names(net))[0])))
    assert found[1][0] == pytest.approx(found[0][0], abs=1e-5)
    assert found[1][1] == pytest.approx(found[0][1], abs=1e-5)
    assert found[1][2] == found[0][2] == [
        f"table.weight/{name}" for name in ("beta1_pow_acc_0", "beta2_pow_acc_0", "moment1_0", "moment2_0")
    ]  # fmt: skip
    assert optimizers.rule == "SGD, Adam"


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda p: None, "create_optimizer returned NoneType; expected an optimizer of paddle.optimizer, or a list"),
        (lambda p: [], "create_optimizer returned nothing"),
        (lambda p: [paddle.optimizer.SGD(0.1, p), paddle.optimizer.SGD(0.1, p)], "two optimizers move parameter "),
    ],
)
def test_other_than_optimizers_is_refused(made, message):
    net = Net(True)
    with pytest.raises(UserError, match=message):
        Optimizers(made(net.parameters()), net, rows=True)


def test_kernels_take_unused_states_of_one_row():
    weight, none = np.ones((5, 2), np.float32), np.zeros((1, 2), np.float32)
    line, k = np.array([0.5, 0, 0], np.float32), np.zeros(6, np.float32)
    gradient = np.array([[1, 2]], np.float32)
    deferred.update(deferred.SGD, weight, none, none, none, np.array([3]), gradient, line, k)
    assert weight[3].tolist() == [0.5, 0.0]
    assert weight[[0, 1, 2, 4]].tolist() == [[1, 1]] * 4


@pytest.mark.parametrize("bad", [-1, 50, 10**9])
def test_ids_without_a_row_are_refused(bad):
    net = paddle.nn.Sequential(paddle.nn.Embedding(50, WIDTH))
    check_lookups(net)
    net(paddle.to_tensor([[0, 49]]))
    net(paddle.zeros([0, 2], "int64"))
    with pytest.raises(UserError, match=rf"embedding 0 has 50 rows \(ids 0 to 49\), the data holds id {bad}:"):
        net(paddle.to_tensor([[0, bad]]))
    assert [name for name, _ in embeddings(net)] == ["0"]


MEMORY = """
import resource
import numpy as np, paddle
from rec.engine.optimizers import Optimizers
net = paddle.nn.Embedding(2_000_000, 16, sparse=True)
optimizers = Optimizers(paddle.optimizer.Adam(0.1, parameters=net.parameters()), net, rows=True)
held = []
for step in range(20):
    optimizers.begin()
    net(paddle.to_tensor(np.arange(step, 600 + step))).sum().backward()
    optimizers.gather()
    optimizers.step()
    held.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
print(held[0], held[-1])
"""


def test_a_step_takes_the_memory_of_its_rows():
    """The table has 122 MB, as would a dense gradient and either moment: nothing like that is touched in 20 steps."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, env=environment, check=True)
    first, last = map(int, done.stdout.split()[-2:])
    assert last - first < 20
