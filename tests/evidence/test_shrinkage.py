"""Empirical-Bayes rates against SciPy's beta-binomial, and against what they were drawn from."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import beta, betabinom

from rec.evidence.shrinkage import Prior, fit


def drawn(a: float, b: float, items: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    rates, trials = random.beta(a, b, items), random.geometric(0.05, items)
    return rates, random.binomial(trials, rates), trials


def test_a_rate_is_the_mean_of_its_posterior():
    prior = Prior(2.0, 18.0)
    np.testing.assert_allclose(prior.rates(np.array([1, 0, 30]), np.array([2, 0, 100])), [3 / 22, 2 / 20, 32 / 120])
    low, high = prior.bounds(np.array([1]), np.array([2]))
    assert [low[0], high[0]] == pytest.approx([beta(3, 19).ppf(0.025), beta(3, 19).ppf(0.975)])
    assert prior.above(0.1, np.array([1]), np.array([2]))[0] == pytest.approx(1 - beta(3, 19).cdf(0.1))


def test_the_prior_has_the_greatest_likelihood():
    _, successes, trials = drawn(3, 30, 400)
    found = fit(successes, trials)
    assert found is not None

    def cost(x: np.ndarray) -> float:
        return -betabinom(trials, *np.exp(x)).logpmf(successes).sum()

    best = minimize(cost, np.log([1.0, 10.0]), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-9})
    assert cost(np.log([found.a, found.b])) == pytest.approx(best.fun, abs=1e-4)
    assert [found.a, found.b] == pytest.approx(np.exp(best.x), rel=1e-2)


def test_shrunk_rates_are_nearer_to_the_truth_than_raw_ones():
    rates, successes, trials = drawn(2, 20, 3000)
    prior = fit(successes, trials)
    assert prior is not None
    assert prior.mean == pytest.approx(2 / 22, rel=0.1)
    shrunk, raw = ((x - rates) ** 2 for x in (prior.rates(successes, trials), successes / trials))
    assert shrunk.mean() < raw.mean() / 2


def test_items_that_do_not_differ_are_all_given_the_same_rate():
    random = np.random.default_rng(1)
    trials = random.integers(1, 200, 500)
    successes = random.binomial(trials, 0.2)
    prior = fit(successes, trials)
    assert prior is not None
    assert np.ptp(prior.rates(successes, trials)) < 0.03


@pytest.mark.parametrize("successes", [[0, 0], [3, 5]])
def test_nothing_is_known_without_both_outcomes(successes):
    assert fit(np.array(successes), np.array([3, 5])) is None
    assert fit(np.empty(0, int), np.empty(0, int)) is None
