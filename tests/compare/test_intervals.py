"""Intervals of differences of AUCs, against the all-pairs definition."""

import numpy as np
import pytest

from rec.compare.intervals import difference
from rec.metrics.auc import Z_95, auc, placements


def kernel(a: float, b: float) -> float:
    return 1.0 if a > b else 0.5 if a == b else 0.0


def all_pairs(scores, labels):
    """V10 and V01 by their definition."""
    positives = [s for s, y in zip(scores, labels, strict=True) if y]
    negatives = [s for s, y in zip(scores, labels, strict=True) if not y]
    v10 = [np.mean([kernel(p, n) for n in negatives]) for p in positives]
    v01 = [np.mean([kernel(p, n) for p in positives]) for n in negatives]
    return np.array(v10), np.array(v01)


@pytest.fixture
def sample():
    random = np.random.default_rng(3)
    labels = (random.random(60) < 0.4).astype(int)
    return labels, [np.round(labels * shift + random.normal(size=60), 1) for shift in (1.0, 0.8, 0.2, 0.1)]


def test_placements_are_those_of_all_pairs(sample):
    labels, (scores, *_) = sample
    ours, expected = placements(scores, labels == 1), all_pairs(scores, labels)
    for found, wanted in zip(ours, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)
        assert found.mean() == pytest.approx(auc(scores, labels).value, abs=1e-12)


def test_one_seed_has_the_interval_of_the_paired_difference(sample):
    labels, (a, _, b, _) = sample
    (a10, a01), (b10, b01) = all_pairs(a, labels), all_pairs(b, labels)
    covariance = np.cov(a10, b10) / len(a10) + np.cov(a01, b01) / len(a01)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    found = difference([a], [b], labels)
    assert found.value == pytest.approx(auc(a, labels).value - auc(b, labels).value, abs=1e-12)
    assert found.high - found.value == pytest.approx(Z_95 * error, rel=1e-9)


def test_seeds_that_differ_make_it_wider(sample):
    """Two seeds: Student's quantile of one degree of freedom is 12.7062."""
    labels, (a, b, c, d) = sample
    found = difference([a, b], [c, d], labels)
    by_seed = [auc(x, labels).value - auc(y, labels).value for x, y in ((a, c), (b, d))]
    parts = [[ours - theirs for ours, theirs in zip(all_pairs(x, labels), all_pairs(y, labels), strict=True)]
             for x, y in ((a, c), (b, d))]  # fmt: skip
    v10, v01 = (np.mean([part[which] for part in parts], axis=0) for which in (0, 1))
    sample_error = np.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))
    seed_error = abs(by_seed[0] - by_seed[1]) / 2
    assert found.value == pytest.approx(np.mean(by_seed), abs=1e-12)
    half = np.hypot(Z_95 * sample_error, 12.706204736 * seed_error)
    assert found.high - found.low == pytest.approx(2 * half, rel=1e-9)


def test_it_covers_the_truth():
    """Two scores that differ by excluded alone: the interval holds 0 in about 95 of 100 samples."""
    random, inside = np.random.default_rng(11), 0
    for _ in range(400):
        labels = (random.random(200) < 0.3).astype(int)
        base = labels + random.normal(size=200)
        found = difference([base + random.normal(size=200)], [base + random.normal(size=200)], labels)
        inside += found.low <= 0 <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_a_class_of_one_row_says_nothing():
    assert difference([np.array([0.1, 0.2, 0.3])], [np.array([0.3, 0.2, 0.1])], np.array([0, 1, 0])) is None
