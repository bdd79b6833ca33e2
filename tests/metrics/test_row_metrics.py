"""Metrics of impressions against scikit-learn and against their definitions, with ties, weights and unknown labels."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error, roc_auc_score

from metrics.judging import SECONDS, collect, judged
from rec.metrics import rows as rows_module
from rec.metrics.distances import _of_boundary, _patterns, folded
from rec.metrics.estimate import wilson
from rec.metrics.task import Task

Z = norm.ppf(0.975)


def sample(n=700, seed=0):
    """Scores with ties, labels, weights of which some are 0."""
    rng = np.random.default_rng(seed)
    scores = (rng.integers(1, 60, n) / 64).astype(np.float32)
    labels = (rng.random(n) < scores).astype(np.float32)
    return scores, labels, rng.integers(0, 5, n) / 2.0


def weighted(*names):
    return [{name: {"weight": "w"}} for name in names]


def test_auc_and_its_interval():
    scores, labels, _ = sample()
    found = judged(["auc"], scores, labels)["auc"]
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert (found.n, found.more["positives"]) == (700, labels.sum())
    # DeLong by all pairs.
    above, below = scores[labels == 1], scores[labels == 0]
    wins = (above[:, None] > below) + (above[:, None] == below) / 2
    variance = np.var(wins.mean(1), ddof=1) / len(above) + np.var(wins.mean(0), ddof=1) / len(below)
    assert (found.high - found.low) / 2 == pytest.approx(Z * math.sqrt(variance), rel=1e-9)


def test_weighted_auc_and_its_interval():
    scores, labels, w = sample()
    found = judged(weighted("auc"), scores, labels, by={"number w": w})["auc"]
    assert found.value == pytest.approx(roc_auc_score(labels, scores, sample_weight=w), abs=1e-12)
    a, b = labels == 1, labels == 0
    wins = (scores[a][:, None] > scores[b]) + (scores[a][:, None] == scores[b]) / 2
    over, under = wins @ w[b] / w[b].sum(), w[a] @ wins / w[a].sum()

    def variance(weights, deviation):
        return np.sum((weights * deviation) ** 2) / weights.sum() ** 2 * len(weights) / (len(weights) - 1)

    error = math.sqrt(variance(w[a], over - found.value) + variance(w[b], under - found.value))
    assert (found.high - found.low) / 2 == pytest.approx(Z * error, rel=1e-9)


def test_equal_weights_change_nothing():
    scores, labels, _ = sample()
    names = ["auc", "logloss", "normalized_entropy", "calibration", "ece"]
    plain = judged(names, scores, labels)
    found = judged(weighted(*names), scores, labels, by={"number w": np.full(700, 2.0)})
    for name in names:
        expected = [plain[name].value, plain[name].low, plain[name].high]
        assert [found[name].value, found[name].low, found[name].high] == pytest.approx(expected, rel=1e-11), name


@pytest.mark.parametrize("weigh", [False, True])
def test_logloss_normalized_entropy_and_calibration(weigh, monkeypatch):
    monkeypatch.setattr(rows_module, "CHUNK", 64)
    scores, labels, w = sample()
    names = ["logloss", "normalized_entropy", "calibration"]
    found = judged(weighted(*names) if weigh else names, scores, labels, by={"number w": w} if weigh else None)
    p, w = scores.astype(np.float64), w if weigh else np.ones(700)

    loss = log_loss(labels, p, sample_weight=w)
    rate = w @ labels / w.sum()
    entropy = log_loss(labels, np.full(700, rate), sample_weight=w)
    assert found["logloss"].value == pytest.approx(loss, rel=1e-9)
    assert found["normalized_entropy"].value == pytest.approx(loss / entropy, rel=1e-9)
    assert found["calibration"].value == pytest.approx(w @ p / (w @ labels), rel=1e-9)
    assert found["calibration"].more["predicted"] == pytest.approx(w @ p / w.sum(), rel=1e-9)
    assert found["calibration"].more["observed"] == pytest.approx(rate, rel=1e-9)
    # The influence of each row by leaving a little of it out, which no closed form of a gradient had a part in.
    each = -np.where(labels == 1, np.log(p), np.log1p(-p))

    def influence(function):
        small = 1e-6
        base = function(w)
        return np.array([(function(w + small * w * (np.arange(700) == i)) - base) / small for i in range(700)])

    def normalized(v):
        q = v @ labels / v.sum()
        return v @ each / v.sum() / -(q * math.log(q) + (1 - q) * math.log(1 - q))

    def half(values):
        return Z * math.sqrt(np.sum(values**2) * 700 / 699)

    assert width(found["logloss"]) == pytest.approx(half(influence(lambda v: v @ each / v.sum())), rel=1e-4)
    assert width(found["normalized_entropy"]) == pytest.approx(half(influence(normalized)), rel=1e-4)
    ratio = found["calibration"]
    expected = half(influence(lambda v: math.log(v @ p / (v @ labels))))
    assert math.log(ratio.high / ratio.low) / 2 == pytest.approx(expected, rel=1e-4)


def width(found):
    return (found.high - found.low) / 2


@pytest.mark.parametrize("strategy", ["quantile", "uniform"])
@pytest.mark.parametrize("weigh", [False, True])
def test_ece_and_its_curve(strategy, weigh):
    scores, labels, w = sample()
    options = {"bins": 10, "strategy": strategy, **({"weight": "w"} if weigh else {})}
    found = judged([{"ece": options}], scores, labels, by={"number w": w} if weigh else None)["ece"]
    p, w = scores.astype(np.float64), w if weigh else np.ones(700)
    edges = np.arange(1, 10) / 10
    if strategy == "quantile":
        edges = np.unique(np.sort(p)[np.arange(1, 10) * 70])
    where = sum((p >= edge).astype(int) for edge in edges)
    expected, noise, curve = 0.0, 0.0, found.more["curve"]
    for number, point in zip(np.unique(where), curve, strict=True):
        own = where == number
        total = w[own].sum()
        predicted, observed = w[own] @ p[own] / total, w[own] @ labels[own] / total
        expected += total / w.sum() * abs(predicted - observed)
        noise += math.sqrt(np.sum(w[own] ** 2 * p[own] * (1 - p[own]))) / w.sum() * math.sqrt(2 / math.pi)
        assert (point["n"], point["predicted"], point["observed"]) == pytest.approx((own.sum(), predicted, observed))
        assert point["low"] <= p[own].min()
        assert p[own].max() < point["high"]
        trials = total**2 / np.sum(w[own] ** 2)
        assert (point["observed_low"], point["observed_high"]) == pytest.approx(wilson(observed, trials))
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert found.more["noise"] == pytest.approx(noise, rel=1e-9)


def test_wilson():
    interval = binomtest(7, 20).proportion_ci(method="wilson")
    assert wilson(7 / 20, 20) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert (wilson(0.0, 5)[0], wilson(1.0, 5)[1]) == (0.0, 1.0)


@pytest.mark.parametrize("weigh", [False, True])
def test_errors_of_numbers(weigh):
    rng = np.random.default_rng(3)
    scores, labels, w = (rng.gamma(2, 10, 500).astype(np.float32) for _ in range(3))
    names = ["mae", "rmse"]
    by = {"number w": w.astype(np.float64)} if weigh else None
    found = judged(weighted(*names) if weigh else names, scores, labels, SECONDS, by)
    x, y, w = scores.astype(np.float64), labels.astype(np.float64), by["number w"] if by else np.ones(500)
    assert found["mae"].value == pytest.approx(mean_absolute_error(y, x, sample_weight=w), rel=1e-9)
    assert found["rmse"].value == pytest.approx(math.sqrt(mean_squared_error(y, x, sample_weight=w)), rel=1e-9)
    error = np.abs(x - y) - found["mae"].value
    expected = Z * math.sqrt(np.sum((w * error) ** 2) / w.sum() ** 2 * 500 / 499)
    assert width(found["mae"]) == pytest.approx(expected, rel=1e-9)
    # Hall's cubic of the t statistic of the mean squared error, solved by bisection.
    apart = w * ((x - y) ** 2 - found["rmse"].value ** 2)
    skew, kurtosis = stats.skew(apart), stats.kurtosis(apart, fisher=False)
    assert skew > 3
    error = np.std(apart, ddof=1) * math.sqrt(500) / w.sum()
    ends = []
    for quantile in (stats.t.ppf(0.975, 1000 / (kurtosis - 1)), stats.t.ppf(0.025, 1000 / (kurtosis - 1))):
        a = skew / 3 / math.sqrt(500)
        t = brentq(lambda t, a=a, q=quantile: t + a * t**2 + a**2 * t**3 / 3 + a / 2 - q, -99, 99, xtol=1e-13)
        ends.append(math.sqrt(found["rmse"].value ** 2 - error * t))
    assert (found["rmse"].low, found["rmse"].high) == pytest.approx(ends, rel=1e-9)


@pytest.mark.parametrize("mean", [0.0, 0.3, 2.0, 40.0])
def test_moments_of_a_folded_normal(mean):
    def moment(power, about):
        found = quad(
            lambda x: (abs(x) - about) ** power * stats.norm.pdf(x, mean, 1.5), mean - 20, mean + 20, points=[0]
        )
        return found[0]

    first, second, third = (float(each[0]) for each in folded(np.array([mean]), np.array([1.5])))
    assert first == pytest.approx(moment(1, 0))
    assert second == pytest.approx(moment(2, first))
    assert third == pytest.approx(moment(3, first), abs=1e-6)


def test_the_interval_of_feldman_and_cousins():
    """One bin whose distance has a standard error of 1; their table X for a mean of at least 0, at 95 %."""
    for mean, expected in ((0.0, (math.inf, 1.645)), (4.0, (1.96, 1.96))):
        assert _of_boundary(mean) == pytest.approx(expected, abs=1e-3)
    for mean in (0.1, 0.5, 1.0, 1.5, 1.9):
        below, above = _of_boundary(mean)
        assert stats.norm.cdf(above) - stats.norm.cdf(-below) == pytest.approx(0.95, abs=1e-9)
        first, last = mean - below, mean + above  # the ratio of likelihoods is the same at both ends
        assert first < 0
        assert first * mean - mean**2 / 2 == pytest.approx(-((last - mean) ** 2) / 2)


def patterns(gaps, error=0.5):
    """Gaps in standard errors, and the patterns found in them, likewise."""
    return [each / error for each in _patterns(error * np.array(gaps), np.full(len(gaps), error))]


def test_bins_that_differ_by_noise_are_taken_for_alike():
    """Squares of 1, 4 and 1 less the noise's 1: the mean is 1 and the variance 3, less than the 2 + 4 x 1 of noise."""
    (pattern,) = patterns([1.0, 2.0, 1.0])
    np.testing.assert_allclose(pattern, np.ones(3))
    (pattern,) = patterns([0.5, 0.2, 0.9])  # less than noise: no bin is known to be off, any may be
    np.testing.assert_allclose(pattern, np.ones(3))


def test_bins_that_differ_by_more_keep_what_is_their_own():
    """Squares less 1 of 99, -1 and -1: mean 97/3, variance 10,000/3, of which 2 + 4 x 97/3 is noise."""
    mean, own = 97 / 3, 10_000 / 3 - 2 - 4 * 97 / 3
    first, rest = mean + own / (own + 398) * (99 - mean), mean - own / (own + 2) * (1 + mean)
    all_off, few_off = patterns([10.0, 0.0, 0.0])
    np.testing.assert_allclose(all_off, np.sqrt(np.maximum([first, rest, rest], 0)))
    np.testing.assert_allclose(few_off, [10.0, 0.0, 0.0])


def test_others_that_are_off_too_speak_against_few():
    """2.4^2 + 0.5^2 = 6.01 is more than the 5.99 that 95 % of sums of two squares stay below; 2.3^2 + 0.5^2 is not."""
    assert len(patterns([10.0, 2.4, 0.5])) == 1
    assert len(patterns([10.0, 2.3, 0.5])) == 2


def by_all_pairs(x, y):
    right = (np.sign(x[:, None] - x) * np.sign(y[:, None] - y) + 1) / 2
    other = y[:, None] != y
    return np.where(other, right, 0).sum(1), other.sum(1)


@pytest.mark.parametrize(("values", "n"), [(1_000_000, 400), (12, 400), (3, 257), (2, 50)])
def test_xauc_and_its_interval(values, n):
    rng = np.random.default_rng(values)
    y = rng.integers(-values, values, n).astype(np.float32)
    x = (y + rng.integers(-values, values, n)).astype(np.float32)
    found = judged(["xauc"], x, y, SECONDS)["xauc"]
    right, other = by_all_pairs(x, y)
    assert found.value == pytest.approx(right.sum() / other.sum(), abs=1e-12)
    error = 2 * math.sqrt(np.sum((right - found.value * other) ** 2) * n / (n - 1)) / other.sum()
    assert (min(1.0, found.value + Z * error), max(0.0, found.value - Z * error)) == pytest.approx(
        (found.high, found.low), rel=1e-9
    )


def test_xauc_of_two_labels_is_auc():
    scores, labels, _ = sample()
    found = judged(["xauc"], scores, labels, Task("ctr", "click", kind="regression"))["xauc"]
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_rows_that_do_not_count():
    cvr = Task("cvr", "conversion", among="click")
    scores = np.float32([0.9, 0.1, np.nan, 0.4, 0.3, 0.8, 0.7])
    conversion, click = [1, 0, 1, np.nan, 0, 1, 0], np.float32([1, 1, 1, 1, 0, np.nan, 1])
    collected = collect(["auc", "logloss"], [cvr])
    collected.update({"cvr": scores}, {"conversion": np.float32(conversion), "click": click}, {})
    found = collected.estimates()["cvr"]
    assert (found["auc"].n, found["auc"].more["positives"], found["auc"].value) == (3, 1, 1.0)
    expected = (
        -(
            math.log(np.float32(0.9))
            + math.log1p(-np.float64(np.float32(0.1)))
            + math.log1p(-np.float64(np.float32(0.7)))
        )
        / 3
    )
    assert found["logloss"].value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], [np.nan] * 3, [1, np.nan, np.nan]])
def test_what_rows_cannot_tell_is_undefined(labels):
    names = ["auc", "logloss", "normalized_entropy", "calibration", "ece", "gauc", "ndcg@2", "mrr", "hit_rate@1"]
    by = {"group user_id": np.uint64([5, 5, 7]), "group request_id": np.uint64([5, 5, 7])}
    found = judged(names, np.float32([0.5, 0.25, 0.125]), labels, by=by)
    assert list(found) == names
    n, positives = int(np.isfinite(labels).sum()), int(np.nansum(labels))
    for name in ("auc", "normalized_entropy", "gauc"):
        assert (found[name].value, found[name].low, found[name].high, found[name].n) == (None, None, None, n)
    assert (found["logloss"].value is None) == (n == 0)
    assert (found["calibration"].value is None) == (positives == 0)
    assert (found["mrr"].value is None) == (positives == 0)
    for each in found.values():
        assert each.more["positives"] == positives


def test_weights_of_nothing():
    found = judged(weighted("auc", "logloss"), np.float32([0.5, 0.2]), [1, 0], by={"number w": np.zeros(2)})
    assert [each.value for each in found.values()] == [None, None]
