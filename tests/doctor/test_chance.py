"""The statistics behind the thresholds, against references."""

import math

import numpy as np
import pytest
from scipy import stats

from rec.data.batch import Bags
from rec.doctor.chance import auc_standard_error, beyond, log_chance, sigmas
from rec.doctor.hashing import bag_hashes, column_hashes
from rec.doctor.leakage import FOLDS, PRIOR, target_means
from rec.doctor.rows import excess
from rec.metrics.auc import auc


def test_auc_standard_error_of_hanley_and_mcneil():
    """Their equation for A = .7 and 10 positives, 20 negatives, worked out."""
    q1, q2 = 0.7 / 1.3, 2 * 0.49 / 1.7
    variance = (0.7 * 0.3 + 9 * (q1 - 0.49) + 19 * (q2 - 0.49)) / 200
    assert auc_standard_error(0.7, 10, 20) == pytest.approx(math.sqrt(variance))
    assert auc_standard_error(0.7, 0, 20) == math.inf


def test_auc_standard_error_is_near_delongs():
    """Theirs assumes exponential scores; for normal ones it is known to be a little too large."""
    random = np.random.default_rng(0)
    labels = random.random(20_000) < 0.05
    scores = random.normal(size=20_000) + 0.7416 * labels  # AUC .7
    result = auc(scores, labels)
    assert auc_standard_error(0.7, result.positives, result.negatives) == pytest.approx(result.standard_error, rel=0.15)


def test_log_chance_bounds_the_binomial_tail():
    successes, trials = np.array([0, 3, 9, 10, 50]), np.array([5, 5, 10, 10, 60])
    exact = stats.binom.logsf(successes - 1, trials, 0.5)
    bound = log_chance(successes, trials, 0.5)
    assert (bound >= exact - 1e-12).all()
    assert bound[3] == pytest.approx(10 * math.log(0.5))  # all of them: the bound is exact
    assert bound[0] == 0


def test_beyond_wants_evidence():
    assert not beyond(3, 3, 0.5)  # 1/8
    assert beyond(7, 7, 0.5)  # 1/128
    assert not beyond(50, 100, 0.5)


def test_more_comparisons_need_more_sigmas():
    assert sigmas(1) == pytest.approx(2.3263, abs=1e-4)
    assert sigmas(100) == pytest.approx(3.7190, abs=1e-4)


def counts_of(values):
    return np.unique(values, return_counts=True)[1]


@pytest.mark.parametrize("law", ["even", "skewed"])
@pytest.mark.parametrize("seed", range(5))
def test_rows_drawn_at_random_have_no_excess_of_repeats(law, seed):
    random = np.random.default_rng(seed)
    values = random.integers(0, 20_000, 30_000) if law == "even" else random.zipf(1.3, 30_000)
    assert excess(counts_of(values)) <= 300


def test_copies_are_an_excess():
    random = np.random.default_rng(0)
    values = random.integers(0, 2_000_000, 10_000)
    assert 500 < excess(counts_of(np.concatenate([values, values[:1000]]))) < 1050
    assert excess(counts_of(np.repeat(values, 3))) > 15_000


def test_target_means_leave_out_the_own_fold():
    """Value 0: a positive in fold 0 and a negative in fold 1; each is told by the other. Value 1 occurs once."""
    code, label, fold = np.array([0, 0, 1]), np.array([1.0, 0.0, 1.0]), np.array([0, 1, 2])
    assert fold.max() < FOLDS
    prior = PRIOR * 2 / 3
    expected = [(0 + prior) / (1 + PRIOR), (1 + prior) / (1 + PRIOR), prior / PRIOR]
    assert target_means(code, label, fold) == pytest.approx(expected)


def test_a_hash_ignores_the_order_of_tokens_and_nothing_else():
    rows = np.array([7, 8, 9])
    # Three rows of two fields: {7, 8} and {9}; {8, 7} and {9}; {7} and {8, 9}.
    positions = np.array([0, 1, 2, 1, 0, 2, 0, 1, 2], np.int32)
    hashes = bag_hashes(Bags(2, positions, np.array([0, 2, 3, 5, 6, 7, 9], np.int32)), rows, 0)
    assert (hashes[0] == hashes[1]).all()
    assert (hashes[0] != hashes[2]).all()
    total = hashes.sum(axis=1, dtype=np.uint64)
    assert total[0] != total[2]  # the same ids, in other fields
    empty = bag_hashes(Bags(2, positions[:1], np.array([0, 0, 1], np.int32)), rows, 0)
    assert empty[0, 0] == 0


def test_column_hashes_tell_values_and_columns_apart():
    a, b = np.array([[1], [2], [1]]), np.array([[0.5, 1.0], [0.5, 1.0], [1.0, 0.5]], np.float32)
    hashes = column_hashes([a, b, a])
    assert hashes[0, 0] == hashes[2, 0] != hashes[1, 0]
    assert hashes[0, 1] == hashes[1, 1] != hashes[2, 1]
    assert (hashes[:, 0] != hashes[:, 2]).all()
