"""Means over ranks, and batches that are divided among them."""

import numpy as np
import pytest

from rec.data.plan import ReadPlan
from rec.distributed.ranks import Ranks
from rec.errors import UserError
from trainers import together


def test_means_are_those_of_all_in_any_shape():
    parts = np.random.default_rng(0).normal(size=(3, 11)).astype(np.float32)

    def work(ranks):
        own = parts[ranks.rank]
        return ranks.mean([own[:6].reshape(2, 3), own[6], own[7:]])

    for matrix, number, vector in together(3, work):
        mean = parts.astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(matrix, mean[:6].reshape(2, 3), rtol=1e-6)
        np.testing.assert_allclose(number, mean[6], rtol=1e-6)
        np.testing.assert_allclose(vector, mean[7:], rtol=1e-6)


def test_one_process_alone_changes_nothing():
    array = np.arange(3)
    assert Ranks().gather(array)[0] is array
    assert Ranks().mean([array])[0] is array
    assert Ranks().total(2.5) == 2.5


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
@pytest.mark.parametrize("drop_last", [False, True])
def test_parts_of_a_batch_are_that_batch(ranks, drop_last):
    whole = ReadPlan(6 * ranks, training=True, seed=3, shuffle=True, drop_last=drop_last)
    parts = [ReadPlan(6, True, seed=3, shuffle=True, drop_last=drop_last).divided(r, ranks) for r in range(ranks)]
    count = 6 * ranks * 3 + 2
    batches = list(whole.rows(count))
    assert len(batches) == (3 if drop_last else 4)
    for index, rows in enumerate(batches):
        found = []
        for plan in parts:
            first, end = plan.share(index, count)
            mine = list(plan.rows(count))[index]
            assert len(mine) == max(1, end - first)
            found += mine[: end - first].tolist()
        assert found == rows.tolist()


def test_what_differs_between_ranks_is_named():
    def work(ranks):
        with pytest.raises(UserError) as error:
            ranks.check_same({"ids": 7, "rows": 5 + ranks.rank})
        return str(error.value)

    assert set(together(2, work)) == {"rows is 5 on rank 0, but 6 on rank 1"}
