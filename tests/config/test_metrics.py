"""What `runner.metrics` and `runner.segments` may say."""

import pytest

from rec.config.metrics import Column, Segment, parse
from rec.config.settings import RunnerSettings


def asked(metrics, segments=()):
    return parse(RunnerSettings(metrics=list(metrics), segments=list(segments)))


def test_names_options_and_columns():
    found = asked(
        ["auc", {"gauc": {"by": "user", "weight": "w"}}, "ndcg@10", {"gauc": {"by": "item", "name": "gauc_item"}}],
        ["category", "quantile(price)", "quantile( price , 10 )"],
    )
    assert found.problems == ()
    assert [(each.kind, each.name, each.at) for each in found.metrics] == [
        ("auc", "auc", 0), ("gauc", "gauc", 0), ("ndcg", "ndcg@10", 10), ("gauc", "gauc_item", 0),
    ]  # fmt: skip
    price = Column("price", "number")
    assert found.segments == (
        Segment("category", Column("category", "value")),
        Segment("quantile(price)", price, 4),
        Segment("quantile( price , 10 )", price, 10),
    )
    assert [column.key for column in found.columns] == [
        "group user", "number w", "group request_id", "group item", "value category", "number price",
    ]  # fmt: skip
    assert [each.name for each in found.judging("regression")] == []


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("gauk", "'gauk' is no metric (did you mean gauc?); --help metrics lists them"),
        ("ndcg", "ndcg needs a k, such as ndcg@10"),
        ("ndcg@0", "'ndcg@0' is no metric"),
        ("auc@3", "auc@3: auc looks at all, not at the first 3: write auc"),
        ({"gauc": {"bye": "user"}}, "gauc.bye is no option (did you mean by?); gauc has name, weight, by"),
        ({"ndcg@5": {"weight": "w"}}, "ndcg@5.weight is no option; ndcg@5 has name, by"),
        ({"ece": {"bins": 0}}, "ece.bins: Input should be greater than 0, got 0"),
        ({"gauc": "user"}, "gauc should have a mapping of options, got 'user'"),
        ({"gauc": {"name": "mine"}}, "gauc.name should be gauc and letters, digits or _ behind it, got 'mine'"),
        ({"auc": None, "ece": None}, "expected a name, or one name with its options"),
        ({}, "expected a name, or one name with its options"),
    ],
)
def test_a_mistake_is_one_line(metric, said):
    (problem,) = asked([metric]).problems
    assert problem.startswith(f"runner.metrics: {said}")


def test_names_are_distinct_and_segments_need_metrics():
    assert asked(["auc", "auc"], ["a", "a"]).problems == (
        "runner.metrics: auc is named twice: give one a name of its own",
        "runner.segments: a is named twice",
    )
    assert asked([], ["a"]).problems == ("runner.segments needs runner.metrics, which says what is measured by them",)
    assert asked(["auc"], ["quantile(a, 1)"]).problems == (
        "runner.segments: quantile(a, 1) has 1 parts; expected 2 or more",
    )
