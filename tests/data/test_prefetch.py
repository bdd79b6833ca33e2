"""Batches made by a thread."""

import threading

import pytest

from rec.data.prefetch import Prefetched, prefetch


def test_the_same_batches_in_order():
    assert list(prefetch(number for number in range(50))) == list(range(50))


def test_an_error_comes_in_its_place():
    def batches():
        yield 1
        yield 2
        raise KeyError("third")

    given = prefetch(batches())
    assert [next(given), next(given)] == [1, 2]
    with pytest.raises(KeyError, match="third"):
        next(given)


def test_whoever_stops_early_leaves_no_thread_behind():
    def batches():
        while True:
            yield 0

    given = prefetch(batches())
    next(given)
    given.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "reader"]


def test_it_is_only_so_far_ahead():
    made = []

    def batches():
        for number in range(100):
            made.append(number)
            yield number

    given = prefetch(batches())
    next(given)
    threading.Event().wait(0.3)
    # one taken, four ready, one in the thread's hand
    assert len(made) <= 6
    given.close()


def test_a_thread_may_begin_before_anything_is_asked_for():
    made = threading.Event()

    def batches():
        made.set()
        yield 3

    given = Prefetched(batches(), 1)
    assert made.wait(5)
    assert list(given) == [3]
    assert next(given, None) is None
