"""Curves by Paddle's operators, from one end of [0, 1] to the other."""

import numpy as np
import paddle
import pytest

from rec.calibration.calibration import Calibration, TaskCalibration
from rec.calibration.curves import Isotonic, Platt
from rec.config.calibration import CalibrationSettings
from rec.export.calibrated import calibrated

CURVES = [
    Platt(0.7, -1.2),
    Platt(0.0, 2.0),
    Platt(3.0, 5.0),
    Isotonic((0.2,), (0.3,)),
    Isotonic((0.1, 0.1001, 0.6), (0.0, 0.3, 0.9)),
    Isotonic((1e-6, 1e-5, 1e-4, 0.999), (1e-7, 1e-5, 0.5, 0.5)),
]


@pytest.mark.parametrize("curve", CURVES, ids=str)
def test_they_are_the_curves(curve):
    p = np.concatenate([[0, 1, 1e-38, 1 - 2.0**-24], np.logspace(-9, -0.001, 500), 1 - np.logspace(-7, -0.001, 200)])
    p = p.astype(np.float32).reshape(-1, 1)
    calibration = Calibration(CalibrationSettings(kind="platt"), {"a": TaskCalibration(curve)})
    found = calibrated(calibration, {"pa": paddle.to_tensor(p), "pb": paddle.to_tensor(p)})
    np.testing.assert_allclose(found["pa"].numpy(), curve(p), atol=6e-6)
    np.testing.assert_array_equal(found["pb"].numpy(), p)
    assert calibrated(None, {"pa": p}) == {"pa": p}
