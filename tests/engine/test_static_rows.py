"""Embeddings with sparse=True of static models: rows are fed, and train as a dense embedding does."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import paddle
import pytest

from rec.engine.static_directory import StaticDirectoryEngine

ROWS, WIDTH = 60, 4
START = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype("float32")
ODDS = np.arange(1, ROWS + 1) ** -1.5


Make = Callable[[], Any]


def batches(steps: int) -> list[list[np.ndarray]]:
    random = np.random.default_rng(5)
    odds = ODDS / ODDS.sum()
    return [
        [random.choice(ROWS, (6, 2), p=odds), random.normal(size=(6, 2 * WIDTH)).astype("float32")]
        for _ in range(steps)
    ]


class Model:
    """Vectors times a factor against a target, as a PaddleRec `StaticModel`."""

    sparse = True
    make: Make
    settings: dict[str, Any] = {}  # noqa: RUF012 - read only

    def __init__(self, config: Any) -> None:
        self._cost: Any = None

    def create_feeds(self, is_infer: bool = False) -> list[Any]:
        return [paddle.static.data("ids", [-1, 2], "int64"), paddle.static.data("target", [-1, 2 * WIDTH], "float32")]

    def net(self, inputs: list[Any], is_infer: bool = False) -> dict[str, Any]:
        ids, target = inputs
        initial = paddle.nn.initializer.Assign(START)
        attr = paddle.ParamAttr(name="table", initializer=initial)
        self.table = paddle.nn.Embedding(ROWS, WIDTH, sparse=self.sparse, weight_attr=attr, **self.settings)
        vectors = self.look_up(ids)
        factor = paddle.static.create_parameter([2 * WIDTH], "float32", name="factor",
                                                default_initializer=paddle.nn.initializer.Constant(0.3))  # fmt: skip
        self._cost = ((paddle.flatten(vectors, 1) * factor - target) ** 2).mean() + self.more(ids)
        return {"cost": self._cost, "vectors": vectors}

    def look_up(self, ids: Any) -> Any:
        return self.table(ids)

    def more(self, ids: Any) -> Any:
        return 0.0

    def create_optimizer(self, strategy: Any = None) -> None:
        type(self).make().minimize(self._cost)

    def infer_net(self, inputs: list[Any]) -> dict[str, Any]:
        return self.net(inputs, is_infer=True)


class Twice(Model):
    """A second lookup, of ids that the model computes."""

    def more(self, ids: Any) -> Any:
        return (self.table((ids * 7 + 3) % ROWS) ** 2).mean()


class Joined(Model):
    """A lookup of ids that are cut and joined first."""

    def look_up(self, ids: Any) -> Any:
        return self.table(paddle.concat(paddle.split(ids, 2, axis=1), axis=1))


class Tied(Model):
    """The weight is used as a whole too."""

    def more(self, ids: Any) -> Any:
        return (self.table.weight**2).mean()


class Branch(Model):
    """A lookup within a branch."""

    def more(self, ids: Any) -> Any:
        yes = paddle.max(ids) > 5
        return paddle.static.nn.cond(yes, lambda: self.table(ids).mean(), lambda: paddle.full([], 0.0))


class TwoCosts(Model):
    """Two optimizers, one after the other."""

    def create_optimizer(self, strategy: Any = None) -> None:
        for cost in (self._cost, self._cost * 2):
            paddle.optimizer.SGD(0.01).minimize(cost)


def engine(model: type[Model], make: Make, sparse: bool, **settings: Any) -> StaticDirectoryEngine:
    cls = type(model.__name__, (model,), {"make": staticmethod(make), "sparse": sparse, "settings": settings})
    runner = SimpleNamespace(use_gpu=False, seed=1)
    config: Any = SimpleNamespace(runner=runner, model_dir="here")
    return StaticDirectoryEngine(cls(config), config, training=True)


def optimizer(name: str, rate: float = 0.02, **settings: Any) -> Make:
    return lambda: getattr(paddle.optimizer, name)(rate, **settings)


KINDS = {
    "SGD": optimizer("SGD", 0.3),
    "Momentum, L2": optimizer("Momentum", weight_decay=0.02),
    "Adagrad": optimizer("Adagrad"),
    "RMSProp": optimizer("RMSProp", 0.002, momentum=0.9),
    "Adam": optimizer("Adam"),
    "AdamW": optimizer("AdamW", weight_decay=0.05),
    "Adam, norm of all": optimizer("Adam", grad_clip=paddle.nn.ClipGradByGlobalNorm(0.1)),
    "SGD, norm of each": optimizer("SGD", 0.3, grad_clip=paddle.nn.ClipGradByNorm(0.1)),
}


def trained(
    of: StaticDirectoryEngine, steps: int = 200
) -> tuple[list[float], dict[str, np.ndarray], dict[str, np.ndarray]]:
    losses = [float(of.train_step(batch)["loss"]) for batch in batches(steps)]
    state = of.state()
    return losses, state.weights, state.optimizer


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model", [Model, Twice])
def test_rows_move_as_a_dense_embedding(kind, model):
    (losses, dense, states), (own, rows, own_states) = (
        trained(engine(model, KINDS[kind], sparse)) for sparse in (False, True)
    )
    assert np.abs(dense["table"] - START).max() > 0.1
    assert own == pytest.approx(losses, rel=1e-5)
    for name, value in {**dense, **states}.items():
        assert {**rows, **own_states}[name] == pytest.approx(value, rel=1e-4, abs=5e-5), name
    assert own_states.keys() == states.keys()


@pytest.mark.parametrize("settings", [{}, {"padding_idx": 0}, {"padding_idx": -1}])
def test_ids_that_are_joined_and_padding(settings):
    (losses, dense, _), (own, rows, _) = (
        trained(engine(Joined, KINDS["Adam"], sparse, **settings)) for sparse in (False, True)
    )
    assert own == pytest.approx(losses, rel=1e-5)
    assert rows["table"] == pytest.approx(dense["table"], abs=1e-5)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Tied, "a weight that is used as a whole too"),
        (Branch, "a lookup in a branch or a loop"),
        (TwoCosts, "several optimizers"),
    ],
)
def test_what_has_no_rule_trains_dense_and_is_named(model, reason, caplog):
    caplog.set_level("INFO")
    (losses, dense, _), (own, rows, _) = (trained(engine(model, KINDS["Adam"], sparse), 20) for sparse in (False, True))
    assert own == losses
    assert (rows["table"] == dense["table"]).all()
    assert f"embeddings get dense gradients: no rule for rows under {reason}" in caplog.text


def test_evaluation_sees_rows_that_rest_moved():
    """The vectors that the evaluation program returns are those of a dense embedding after the same steps."""
    found = []
    for sparse in (False, True):
        of = engine(Model, KINDS["Adam"], sparse)
        for batch in batches(30):
            of.train_step(batch)
        found.append(of.eval_step(batches(1)[0])["vectors"])
        found.append(float(of.train_step(batches(1)[0])["loss"]))
    assert found[2] == pytest.approx(found[0], abs=1e-5)
    assert found[3] == pytest.approx(found[1], rel=1e-5)


def test_a_step_does_not_read_the_table():
    """A weight that is not a number in a row outside the batch stays unseen: the program has the batch's rows only."""
    of = engine(Model, KINDS["Adam"], True)
    (rows,) = of._main.rows._rows.values()
    rows.weight[50] = np.nan
    target = np.zeros((1, 2 * WIDTH), "float32")
    assert np.isfinite(of.train_step([np.array([[3, 4]]), target])["loss"])
    assert np.isnan(of.train_step([np.array([[3, 50]]), target])["loss"])


class Frozen(Model):
    """The embedding is not trained."""

    def look_up(self, ids: Any) -> Any:
        self.table.weight.stop_gradient = True
        return self.table(ids)


class OfOthers(Model):
    """The optimizer has the factor only."""

    def create_optimizer(self, strategy: Any = None) -> None:
        program = paddle.static.default_main_program()
        factor = [p for p in program.global_block().all_parameters() if p.name == "factor"]
        paddle.optimizer.Adam(0.02).minimize(self._cost, parameters=factor)


@pytest.mark.parametrize("model", [Frozen, OfOthers])
def test_what_no_optimizer_moves_stays_as_it_is(model):
    _, weights, _ = trained(engine(model, KINDS["Adam"], True), 20)
    assert (weights["table"] == START).all()
    assert (weights["factor"] != np.float32(0.3)).any()


@pytest.mark.parametrize("lazy", [False, True])
def test_a_large_dense_embedding_is_moved_by_rows_too(lazy, monkeypatch):
    found = []
    for large in (False, True):
        monkeypatch.setattr("rec.pir.embeddings.LARGE", ROWS if large else ROWS + 1)
        of = engine(Model, optimizer("Adam", lazy_mode=lazy), False)
        assert bool(of._main.rows.fetches) == large
        found.append(trained(of, 100)[1]["table"])
    assert found[1] == pytest.approx(found[0], abs=1e-5)
