"""Curves against scikit-learn, and on data whose truth is known."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from rec.calibration.calibration import TaskCalibration, fit
from rec.calibration.curves import Isotonic, Platt, isotonic_points, logistic_line, logit, on_grid
from rec.calibration.measure import crosswise, drawn_half, ece, figures
from rec.config.calibration import CalibrationSettings


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def simulated(
    rows: int, seed: int, spread: float = 1.5, mean: float = -2.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, labels drawn from them, and what a model says that is too sure and promises too much."""
    random = np.random.default_rng(seed)
    z = random.normal(mean, spread, rows)
    return sigmoid(z), random.random(rows) < sigmoid(z), sigmoid(1.6 * z + 1.2).astype(np.float32)


@pytest.mark.parametrize("mean", [-2.0, -6.0, 3.0])
def test_the_line_is_that_of_a_logistic_regression(mean):
    _, label, p = simulated(20_000, 1, mean=mean)
    x = logit(p)
    slope, offset = logistic_line(x, label.astype(float))
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    reference.fit(x[:, None], label)
    assert slope == pytest.approx(reference.coef_[0, 0], abs=1e-6)
    assert offset == pytest.approx(reference.intercept_[0], abs=1e-6)


def test_the_grid_moves_a_probability_by_half_a_hundredth_of_a_logit():
    p = np.random.default_rng(0).uniform(1e-5, 1 - 1e-5, 1000).astype(np.float32)
    found = on_grid(p)
    assert np.abs(logit(found) - logit(p)).max() <= 0.005 + 1e-9
    assert np.diff(np.unique(logit(found))).min() > 0.0099


def test_platt_s_targets_are_rows_that_weigh_so_much():
    _, label, p = simulated(3_000, 2)
    positives = int(label.sum())
    target = np.where(label, (positives + 1) / (positives + 2), 1 / (len(label) - positives + 2))
    reference = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    x = logit(p)[:, None]
    reference.fit(np.concatenate([x, x]), np.repeat([1, 0], len(p)), np.concatenate([target, 1 - target]))
    curve = Platt.fit(p, label)
    assert curve.slope == pytest.approx(reference.coef_[0, 0], abs=1e-6)
    assert curve.offset == pytest.approx(reference.intercept_[0], abs=1e-6)
    np.testing.assert_allclose(curve(p), reference.predict_proba(x)[:, 1], atol=1e-6)


def test_platt_of_labels_that_do_not_overlap_is_finite():
    p = np.linspace(0.01, 0.99, 200, dtype=np.float32)
    curve = Platt.fit(p, p > 0.5)
    assert np.isfinite([curve.slope, curve.offset]).all()
    # 100 rows of either label: the targets are 101/102 and 1/102, and the mean is that of the targets.
    assert curve(p).mean() == pytest.approx(0.5, abs=1e-6)


def test_platt_never_falls():
    p = np.linspace(0.1, 0.9, 1000, dtype=np.float32)
    label = np.arange(1000) < 400  # the lowest predictions are the positives
    curve = Platt.fit(p, label)
    assert curve.slope == 0
    target = (400 * 401 / 402 + 600 / 602) / 1000
    assert curve(p) == pytest.approx(np.full(1000, target), rel=1e-9)


def test_isotonic_is_scikit_learn_s():
    _, label, p = simulated(5_000, 3)
    p = np.round(p, 3)  # with rows of one prediction
    reference = IsotonicRegression(out_of_bounds="clip").fit(p.astype(float), label)
    x, y = isotonic_points(p, label)
    grid = np.concatenate([p, np.linspace(0, 1, 1001)]).astype(float)
    np.testing.assert_allclose(np.interp(grid, x, y), reference.predict(grid), atol=1e-6)
    np.testing.assert_allclose(x, reference.X_thresholds_, atol=1e-6)
    curve, edge = Isotonic.fit(p, label), 1 / 5002
    reference = IsotonicRegression(out_of_bounds="clip").fit(on_grid(p), label)
    inside = on_grid(grid)  # where no point of the one is between two of the other
    np.testing.assert_allclose(curve(inside), np.clip(reference.predict(inside), edge, 1 - edge), atol=1e-6)
    assert curve(grid).min() >= edge
    assert curve(np.array([0.0])) < curve(np.array([1.0]))


@pytest.mark.parametrize("fitted", [Platt.fit, Isotonic.fit])
def test_what_is_predicted_is_what_happens_on_the_fitting_data(fitted):
    _, label, p = simulated(30_000, 4)
    assert figures(p, label)["calibration"] > 1.2
    assert fitted(p, label)(p).sum() == pytest.approx(label.sum(), rel=1e-3)


@pytest.mark.parametrize("fitted", [Platt.fit, Isotonic.fit])
def test_zeros_ones_and_curves_of_one_point_are_borne(fitted):
    p, label = np.array([0, 0, 1, 1] * 20, np.float32), np.array([0, 1, 1, 1] * 20, bool)
    found = fitted(p, label)(np.array([0.0, 1.0], np.float32))
    assert found == pytest.approx([0.5, 1.0], abs=0.03)
    assert 0 < found.min() < found.max() < 1
    assert fitted(np.full(80, 0.3, np.float32), label)(np.array([0.0, 1.0])) == pytest.approx([0.75, 0.75], abs=0.02)
    assert np.isnan(TaskCalibration(fitted(p, label))(np.array([np.nan], np.float32))).all()


def noise_level(true: np.ndarray, repetitions: int = 60) -> float:
    """The ECE that exact probabilities have, by the chance of the labels: its 99 % point."""
    random = np.random.default_rng(9)
    return float(np.quantile([ece(true, random.random(len(true)) < true) for _ in range(repetitions)], 0.99))


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_the_error_goes_down_to_its_noise_level(kind):
    _, label, p = simulated(200_000, 5)
    true, test, raw = simulated(50_000, 6)
    calibrated = fit(CalibrationSettings(kind=kind), p, label, None)(raw)
    level = noise_level(true)
    assert ece(raw, test) > 10 * level
    assert ece(calibrated, test) < level
    assert np.abs(calibrated - true).mean() < 0.006
    assert np.abs(raw - true).mean() > 0.05


def test_the_error_of_bins_by_hand():
    p = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    # Bins (0.1, 0.2) and (0.3, 0.4): |0.15 - 0| and |0.35 - 1/2|, half of the rows each.
    assert ece(p, np.array([0, 0, 1, 0], bool), bins=2) == pytest.approx((0.15 + 0.15) / 2, rel=1e-6)
    assert ece(p, np.array([0, 0, 1, 0], bool), bins=20) == pytest.approx((0.1 + 0.2 + 0.7 + 0.4) / 4, rel=1e-6)


def of_values(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """True probabilities, labels, predictions and values: what a model says is wrong by each value's own offset."""
    random = np.random.default_rng(seed)
    ids = random.choice([7, 8, 9, -1], rows, p=[0.5, 0.47, 0.01, 0.02])
    z = random.normal(-1.0, 1.0, rows)
    true = sigmoid(z + np.select([ids == 7, ids == 8, ids == 9], [1.0, -1.0, 2.0], 0.0))
    return true, random.random(rows) < true, sigmoid(z).astype(np.float32), ids


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_value_s_own_curve_rights_what_all_rows_cannot_tell(kind):
    _, label, p, ids = of_values(100_000, 1)
    true, test, raw, values = of_values(50_000, 2)
    overall = fit(CalibrationSettings(kind=kind), p, label, None)(raw)
    own = fit(CalibrationSettings(kind=kind, by="f"), p, label, ids)(raw, values)
    for value in (7, 8, 9):
        rows = values == value
        assert ece(overall[rows], test[rows]) > 0.1
        assert ece(own[rows], test[rows]) < 0.3 * ece(overall[rows], test[rows])
        error = np.abs(overall[rows] - true[rows]).mean()
        rarer = min(label[ids == value].sum(), (~label[ids == value]).sum())
        assert np.abs(own[rows] - true[rows]).mean() < error * 100 / (rarer + 100) + 0.02


def test_the_share_of_a_value_s_own_curve():
    settings = CalibrationSettings(kind="platt", by="f", shrinkage=50)
    _, label, p, ids = of_values(2_000, 3)
    ids[:12] = 5  # too few
    found = fit(settings, p, label, ids)
    assert 5 not in found.values
    rows = ids == 9
    rarer = min(label[rows].sum(), (~label[rows]).sum())
    if rarer < 10:
        assert 9 not in found.values
    curve, share = found.values[7]
    rows = ids == 7
    rarer = min(label[rows].sum(), (~label[rows]).sum())
    assert share == pytest.approx(rarer / (rarer + 50))
    expected = share * curve(p[rows]) + (1 - share) * found.overall(p[rows])
    np.testing.assert_allclose(found(p, ids)[rows], expected, rtol=1e-6)
    np.testing.assert_allclose(found(p, ids)[ids == 5], found.overall(p[ids == 5]), rtol=1e-6)
    # A value that the fit has never seen has the curve of all rows.
    np.testing.assert_allclose(found(p[:3], np.full(3, 99)), found.overall(p[:3]), rtol=1e-6)


def test_halves_are_calibrated_by_each_other():
    settings = CalibrationSettings(kind="isotonic")
    _, label, p = simulated(400, 7)
    found, half = crosswise(settings, p, label, None), drawn_half(label)
    for own, other in ((half, ~half), (~half, half)):
        np.testing.assert_array_equal(found[own], fit(settings, p[other], label[other], None)(p[own]))
    # On its own rows isotonic regression looks better than it is.
    assert ece(fit(settings, p, label, None)(p), label) < ece(found, label)


def test_the_order_of_rows_says_nothing():
    """Positive and negative rows by turns: every other row would have one label alone."""
    _, label, p = simulated(4000, 8)
    some = min(label.sum(), (~label).sum())
    turns = np.stack([np.flatnonzero(label)[:some], np.flatnonzero(~label)[:some]], axis=1).ravel()
    label, p = label[turns], p[turns]
    half = drawn_half(label)
    assert abs(int(label[half].sum()) - int(label[~half].sum())) <= 1
    assert abs(int(half.sum()) - int((~half).sum())) <= 2
    after = figures(crosswise(CalibrationSettings(kind="platt"), p, label, None), label)
    assert after["calibration"] == pytest.approx(1, abs=0.01)
    assert after["logloss"] < figures(p, label)["logloss"]
