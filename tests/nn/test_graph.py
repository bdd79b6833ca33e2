"""Behaviour graphs: probabilities by the papers' formulas, names, masks and losses, and what is refused."""

import re

import numpy as np
import paddle
import pytest

from rec.config.behaviours import Behaviour, columns
from rec.metrics.task import Task
from rec.nn.events import Objective
from rec.nn.graph import Graph
from rec.nn.probability import Probability

ESMM = {"click": None, "conversion": {"after": "click"}}
ESM2 = {
    "click": None,
    "cart": {"after": "click", "code": "av"},
    "other_action": {"instead_of": "cart"},
    "conversion": {"after": ["cart", "other_action"]},
}
CHAIN = {"click": None, "approve": {"after": "click"}, "activate": {"after": "approve", "space": "click"}}


def outputs(graph: Graph, seed: int = 0) -> tuple[dict, dict]:
    """Random tower probabilities and the outputs that follow, as float64."""
    random = np.random.default_rng(seed)
    logits = {name: random.normal(scale=3, size=(50, 1)).astype(np.float32) for name in graph.towers}
    chances = {name: Probability(paddle.to_tensor(x)) for name, x in logits.items()}
    towers = {name: 1 / (1 + np.exp(-x.astype(np.float64))) for name, x in logits.items()}
    return towers, {name: p.value.numpy() for name, p in graph.outputs(chances).items()}


def check(graph: Graph, expected: dict) -> None:
    _, found = outputs(graph)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=2e-5, err_msg=name)
        assert (found[name] >= 0).all()
        assert (found[name] <= 1).all()


def test_esmm():
    graph = Graph(ESMM)
    y, _ = outputs(graph)
    check(graph, {"ctr": y["click"], "ctcvr": y["click"] * y["conversion"], "cvr": y["conversion"]})
    assert set(graph.tasks) == {
        Task("ctr", "click", truth=("p_click",)),
        Task("cvr", "conversion", among="click", truth=("p_conversion",)),
        Task("ctcvr", "conversion", truth=("p_click", "p_conversion")),
    }
    assert [(o.task, o.label, o.among) for o in graph.objectives] == [
        ("ctr", "click", None),
        ("ctcvr", "conversion", None),
    ]


def test_esm2():
    graph = Graph(ESM2)
    assert graph.towers == ("click", "cart", "conversion_after_cart", "conversion_after_other_action")
    y, _ = outputs(graph)
    y1, y2, y3, y4 = y.values()
    cvr = y2 * y3 + (1 - y2) * y4
    check(graph, {"ctr": y1, "ctavr": y1 * y2, "avr": y2, "cvr": cvr, "ctcvr": y1 * cvr})
    assert [o.task for o in graph.objectives] == ["ctr", "ctavr", "ctcvr"]


def test_a_chain_of_three_steps():
    graph = Graph(CHAIN)
    y, _ = outputs(graph)
    y1, y2, y3 = y.values()
    expected = {
        "ctr": y1,
        "approve": y1 * y2,
        "approve_given_click": y2,
        "activate": y1 * y2 * y3,
        "activate_given_approve": y3,
        "activate_given_click": y2 * y3,
    }
    check(graph, expected)
    assert Task("activate_given_click", "activate", "click", truth=("p_approve", "p_activate")) in graph.tasks
    said = Behaviour(after="approve", space="click")
    assert graph.objectives[-1] == Objective("activate", "activate_given_click", "activate", "click", said)


def test_what_follows_an_alternative_only():
    """A return follows the other action: p = y1 (1 - y2) y5, exact where y2 is nearly 1."""
    graph = Graph({**ESM2, "bounce": {"after": "other_action"}})
    y, found = outputs(graph)
    np.testing.assert_allclose(found["bounce"], y["click"] * (1 - y["cart"]) * y["bounce"], rtol=2e-5)
    sure = {name: Probability(paddle.full([1, 1], 20.0)) for name in graph.towers}
    assert graph.outputs(sure)["bounce"].value.item() == pytest.approx(np.exp(-20.0), rel=1e-4)


def test_given_behaviours_are_not_modelled():
    graph = Graph({"click": {"given": True}, "conversion": {"after": "click"}})
    assert graph.towers == ("conversion",)
    assert graph.tasks == (Task("cvr", "conversion", "click", truth=("p_conversion",)),)
    assert graph.objectives[0].among == "click"


def test_implied_behaviours_keep_names_and_truth():
    graph = Graph({"click": None, "conversion": {"implies": "click"}})
    y, found = outputs(graph)
    np.testing.assert_allclose(found["ctcvr"], y["conversion"], rtol=2e-5)
    assert graph.tasks[1] == Task("ctcvr", "conversion", truth=("p_click", "p_conversion"))
    assert graph.implied() == [("ctcvr", "ctr")]


def test_numbers_and_columns():
    section = {
        "click": {"label": "clicked", "pairwise": 0.5},
        "seconds": {"head": "log_regression", "space": "click", "sample_weight": "w"},
    }
    graph = Graph(section)
    assert {name: number.head for name, number in graph.numbers.items()} == {"seconds": "log_regression"}
    assert graph.tasks[1] == Task("seconds", "seconds", "clicked", kind="regression")
    assert columns(section) == ("clicked", "seconds", "w", "request_id")


def test_outputs_are_found_by_what_they_predict():
    graph = Graph({"click": None, "buy": {"after": "click", "code": "b"}, "seconds": {"head": "regression"}})
    assert [graph.task_of("click"), graph.task_of("buy"), graph.task_of("buy", "click")] == ["ctr", "ctbr", "br"]
    assert graph.task_of("buy", "seconds") is None
    assert graph.straight_after("buy", "click")
    assert graph.straight_after("click", "impression")
    assert not graph.straight_after("buy", "impression")
    assert not graph.straight_after("seconds", "impression")
    assert not Graph(ESM2).straight_after("conversion", "cart")


REFUSED = {
    "no behaviour is declared": {},
    "conversion: clik is not declared above it": {"click": None, "conversion": {"after": "clik"}},
    "click.aftr is not a setting (did you mean after?)": {"click": {"aftr": "x"}},
    "no name for a behaviour": {"a b": None},
    "click should be a mapping": {"click": 3},
    "click.weight: Input should be greater than or equal to 0": {"click": {"weight": -1}},
    "conversion: can be reached through cart, like": {
        "click": None,
        "cart": {"after": "click"},
        "like": {"after": "click"},
        "conversion": {"after": ["cart", "like"]},
    },
    "seconds.space: rating has no label of 0 or 1; expected one of impression, click": {
        "click": None,
        "rating": {"head": "regression", "space": "click"},
        "seconds": {"head": "regression", "space": "rating"},
    },
    "seconds.space: other has no label of 0 or 1; expected one of impression, click": {
        "click": None,
        "other": {"instead_of": "click"},
        "seconds": {"head": "regression", "space": "other"},
    },
    "seconds: its label click is that of click, and one of them is a number: give it a column of its own": {
        "click": None,
        "seconds": {"head": "regression", "label": "click"},
    },
    "seconds.space: clik is not declared; expected one of impression, click": {
        "click": None,
        "seconds": {"head": "regression", "space": "clik"},
    },
    "conversion.space: expected one of impression, click, found cart": {
        **ESM2,
        "conversion": {"after": ["cart", "other_action"], "space": "cart"},
    },
    "other: cart has an alternative already": {
        "cart": None,
        "another": {"instead_of": "cart"},
        "other": {"instead_of": "cart"},
    },
    "weight means nothing beside instead_of": {"cart": None, "other": {"instead_of": "cart", "weight": 2.0}},
    "conversion: rating is a number, which nothing can follow": {
        "rating": {"head": "regression"},
        "conversion": {"after": "rating"},
    },
    "buy: implies means nothing beside head: regression": {
        "click": None,
        "buy": {"implies": "click", "head": "regression"},
    },
    "every behaviour is given": {"click": {"given": True}},
    "two outputs have one name": {"click": None, "tap": {"code": "ct"}},
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_wrong_graph_is_refused(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Graph(REFUSED[message])


def test_extreme_towers_stay_probabilities_with_finite_losses():
    graph = Graph(ESM2)
    for logit in (-80.0, 80.0):
        x = {name: paddle.full([1, 1], logit) for name in graph.towers}
        for tensor in x.values():
            tensor.stop_gradient = False
        found = graph.outputs({name: Probability(tensor) for name, tensor in x.items()})
        for p in found.values():
            assert 0 <= p.value.item() <= 1
            (p.loss(paddle.zeros([1, 1])) + p.loss(paddle.ones([1, 1]))).backward(retain_graph=True)
        assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in x.values())
