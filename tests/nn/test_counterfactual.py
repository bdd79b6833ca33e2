"""Estimates of the CVR loss from clicked impressions, and weights of prices, by hand."""

import math

import numpy as np
import paddle
import pytest

from rec.nn.counterfactual import doubly_robust, imputation_error, ips
from rec.nn.gmv import gmv_weight


def column(*values: float):
    return paddle.to_tensor(np.array(values, np.float32).reshape(-1, 1))


def of(values) -> list[float]:
    return values.numpy()[:, 0].tolist()


def test_ips_and_dr_by_hand():
    error, click, p = column(0.5, 2.0, 1.0), column(1, 0, 1), column(0.5, 0.2, 0.25)
    assert of(ips(error, click, p)) == pytest.approx([0.5 / 0.5, 0.0, 1.0 / 0.25], rel=1e-6)
    imputed = column(0.4, 1.0, 1.5)
    expected = [0.4 + (0.5 - 0.4) / 0.5, 1.0, 1.5 + (1.0 - 1.5) / 0.25]
    assert of(doubly_robust(error, imputed, click, p)) == pytest.approx(expected, rel=1e-5)
    assert of(imputation_error(error, imputed, click, p)) == pytest.approx([0.01 / 0.5, 0.0, 0.25 / 0.25], rel=1e-5)


def test_dr_that_imputes_nothing_is_ips():
    error, click, p = column(0.5, 2.0, 1.0), column(1, 0, 1), column(0.5, 0.2, 0.25)
    assert of(doubly_robust(error, column(0, 0, 0), click, p)) == pytest.approx(of(ips(error, click, p)))


def expected(estimate, p0=(0.5, 0.2)) -> float:
    """Over clicks drawn with p0: what each outcome gives, times its chance."""
    total = 0.0
    for y1, y2 in ((0, 0), (0, 1), (1, 0), (1, 1)):
        chance = (p0[0] if y1 else 1 - p0[0]) * (p0[1] if y2 else 1 - p0[1])
        total += chance * estimate(column(y1, y2)).mean().item()
    return total


def test_what_is_unbiased_when():
    """The mean error is 1.25. With p = .4 for both, IPS has (.5 / .4 * .5 + .2 / .4 * 2) / 2 = .8125."""
    error, right, wrong = column(0.5, 2.0), column(0.5, 0.2), column(0.4, 0.4)
    assert expected(lambda o: ips(error, o, right)) == pytest.approx(1.25, rel=1e-5)
    assert expected(lambda o: ips(error, o, wrong)) == pytest.approx(0.8125, rel=1e-5)
    assert expected(lambda o: doubly_robust(error, column(0.1, 0.3), o, right)) == pytest.approx(1.25, rel=1e-5)
    assert expected(lambda o: doubly_robust(error, error, o, wrong)) == pytest.approx(1.25, rel=1e-5)


def test_weights_of_prices():
    price = column(9.0, 0.0, math.nan, math.inf)
    for formula, dear in (("log", 1 + math.log(10.0)), ("linear", 10.0), ("none", 1.0)):
        assert gmv_weight(price, formula).numpy()[:, 0] == pytest.approx([dear, 1.0, 1.0, 1.0], rel=1e-6)
