"""Jobs side by side."""

import threading

import pytest

from rec import parallel as module
from rec.parallel import cuts, parallel_map


@pytest.fixture(autouse=True)
def three_threads(monkeypatch):
    monkeypatch.setattr(module, "threads", lambda: 3)
    module._pool.cache_clear()
    yield
    module._pool.cache_clear()


def test_results_come_in_the_jobs_order():
    assert parallel_map(lambda a, b: a * b, [(i, 2) for i in range(50)]) == [2 * i for i in range(50)]


def test_jobs_run_at_the_same_time():
    barrier = threading.Barrier(3, timeout=30)
    places = parallel_map(lambda: (barrier.wait(), threading.get_ident())[1], [()] * 3)
    assert len(set(places)) == 3


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_an_error_reaches_the_caller_from_any_thread(wrong):
    barrier = threading.Barrier(3, timeout=30)

    def work(number: int) -> None:
        barrier.wait()
        if number == wrong:
            raise ValueError(number)

    with pytest.raises(ValueError, match=str(wrong)):
        parallel_map(work, [(0,), (1,), (2,)])


def test_after_the_callers_error_nobody_begins_another_job():
    begun, failed = [], threading.Event()
    caller = threading.get_ident()

    def work(number: int) -> None:
        begun.append(number)
        if threading.get_ident() == caller:
            failed.set()
            raise KeyboardInterrupt
        assert failed.wait(30)

    with pytest.raises(KeyboardInterrupt):
        parallel_map(work, [(i,) for i in range(100)])
    assert len(begun) <= 6  # those under way, and at most one more each before the rest is taken away


def test_a_busy_pool_is_not_waited_for():
    gate = threading.Event()
    busy = [module._pool().submit(gate.wait) for _ in range(2)]
    assert parallel_map(lambda i: i, [(i,) for i in range(5)]) == list(range(5))
    gate.set()
    assert all(each.result() for each in busy)


def test_jobs_within_jobs():
    assert parallel_map(lambda i: sum(parallel_map(lambda j: i * j, [(j,) for j in range(4)])), [(1,), (2,)]) == [6, 12]


def test_parts_are_equal_and_none_is_too_small():
    assert cuts(10, 2) == [slice(0, 3), slice(3, 6), slice(6, 10)]
    assert cuts(10, 5) == [slice(0, 5), slice(5, 10)]
    assert cuts(3, 5) == [slice(0, 3)]
    assert cuts(0, 5) == [slice(0, 0)]
