"""Which values have rows after a day, and what is remembered of them."""

import pytest

from rec.data.growth import FieldValues, Rules

NOTHING = FieldValues({}, {})


def after(values: FieldValues, day: int, today: dict[str, int], **rules) -> tuple[FieldValues, dict[str, int]]:
    return values.after(day, today, Rules(**rules))


def test_a_value_is_admitted_on_the_day_of_its_kth_occurrence():
    first, changes = after(NOTHING, 1, {"a": 5, "b": 3, "c": 1}, admit_count=3)
    assert first == FieldValues({"a": (5, 1), "b": (3, 1)}, {"c": (1, 1)})
    assert changes == {"known": 2, "new": 2, "freed": 0, "waiting": 1}
    second, changes = after(first, 2, {"c": 2, "d": 2, "b": 1}, admit_count=3)
    assert second == FieldValues({"a": (5, 1), "b": (4, 2), "c": (3, 2)}, {"d": (2, 2)})
    assert changes == {"known": 3, "new": 1, "freed": 0, "waiting": 1}
    assert list(second.known) == ["a", "b", "c"]


def test_what_was_unseen_for_so_many_days_is_forgotten_with_its_count():
    start = FieldValues({"old": (9, 1), "b": (9, 2)}, {"rare": (1, 1)})
    third, changes = after(start, 3, {"b": 1}, admit_count=2, evict_after=2)
    assert third == FieldValues({"b": (10, 3)}, {})
    assert changes == {"known": 1, "new": 0, "freed": 1, "waiting": 0}
    again, _ = after(third, 4, {"old": 1, "rare": 1}, admit_count=2, evict_after=2)
    assert again.waiting == {"old": (1, 4), "rare": (1, 4)}


def test_seen_today_is_not_too_long_ago():
    kept, changes = after(FieldValues({"a": (1, 1)}, {}), 9, {"a": 1}, evict_after=1)
    assert kept.known == {"a": (2, 9)}
    assert changes["freed"] == 0


@pytest.mark.parametrize(
    ("evict_by", "known", "waiting"),
    [
        ("recency", ["often", "new"], {"twice": (2, 2), "older": (6, 1)}),
        ("frequency", ["often", "older"], {"twice": (2, 2), "new": (3, 3)}),
    ],
)
def test_beyond_max_rows_the_least_recent_or_the_rarest_give_way_and_keep_their_counts(evict_by, known, waiting):
    start = FieldValues({"often": (8, 2), "twice": (2, 2), "older": (6, 1)}, {})
    found, changes = after(start, 3, {"new": 3}, max_rows=2, evict_by=evict_by)
    assert list(found.known) == known
    assert found.waiting == waiting
    assert changes["new"] == known.count("new")
    assert changes["freed"] == 3 - len([name for name in known if name != "new"])


def test_who_gave_way_comes_back_only_where_it_occurs():
    start = FieldValues({"a": (8, 3), "b": (7, 3)}, {"c": (9, 1)})
    assert list(after(start, 4, {"a": 1}, max_rows=3)[0].known) == ["a", "b"]
    assert list(after(start, 4, {"c": 1}, max_rows=3)[0].known) == ["a", "b", "c"]


def test_pinned_values_are_known_without_an_occurrence_and_stay():
    first, _ = after(NOTHING, 1, {"a": 1}, admit_count=2, pinned=["p", "q"])
    assert first == FieldValues({"p": (0, 1), "q": (0, 1)}, {"a": (1, 1)})
    later, changes = after(first, 5, {"b": 4}, admit_count=2, pinned=["p", "q"], evict_after=1, max_rows=2)
    assert list(later.known) == ["p", "q"]
    assert later.waiting == {"b": (4, 5)}
    assert changes == {"known": 2, "new": 0, "freed": 0, "waiting": 1}


def test_of_equals_the_earlier_stay():
    found, _ = after(NOTHING, 1, {"a": 2, "b": 2, "c": 2}, max_rows=2)
    assert list(found.known) == ["a", "b"]
    assert list(found.waiting) == ["c"]
