"""The smallest tree that makes one config of another."""

from hypothesis import given
from hypothesis import strategies as st

from rec.config.difference import difference
from rec.config.tree import merge

LEAVES = st.sampled_from([None, 0, 1, "x", [1, 2]])
SECTIONS = st.dictionaries(
    st.sampled_from(["a", "b", "behaviours"]), LEAVES | st.dictionaries(st.sampled_from("ab"), LEAVES)
)
TREES = st.dictionaries(st.sampled_from(["a", "b", "behaviours"]), LEAVES | SECTIONS)


@given(TREES, TREES)
def test_merged_over_the_one_it_is_the_other(below, above):
    assert merge(below, difference(below, above)) == above


def test_it_says_no_more_than_what_differs():
    below = {"a": {"x": 1, "y": 2}, "b": 3, "behaviours": {"click": None, "buy": {"weight": 1}}}
    above = {"a": {"x": 1, "y": 4}, "behaviours": {"click": None, "buy": {"weight": 2}}}
    assert difference(below, above) == {
        "b": "~drop",
        "a": {"y": 4},
        "behaviours": {"click": None, "buy": {"weight": 2}},  # declared together
    }
    assert difference(below, below) == {}
