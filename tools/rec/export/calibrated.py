"""A calibration as a part of an exported program."""

from __future__ import annotations

from typing import Any

import paddle
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

from rec.calibration.calibration import Calibration
from rec.calibration.curves import LARGEST, SMALLEST, Isotonic, Platt
from rec.errors import UserError


def check_exportable(calibration: Calibration | None) -> None:
    """Raise UserError if the curves depend on more than the prediction."""
    if calibration and calibration.settings.by:
        raise UserError(
            f"runner.calibration.by: curves for each {calibration.settings.by} cannot be exported; infer.py applies "
            "them, or leave `by` out and fit anew"
        )


def calibrated(calibration: Calibration | None, probabilities: dict[str, Any]) -> dict[str, Any]:
    """`p<task>`, float32 [B, 1] each, as `Calibration` has them, computed by Paddle's operators."""
    tasks = calibration.tasks if calibration else {}
    names = {f"p{name}": task.overall for name, task in tasks.items()}
    return {name: _on(names[name], p) if name in names else p for name, p in probabilities.items()}


def _on(curve: Platt | Isotonic, p: Any) -> Any:
    return _line(curve, p) if isinstance(curve, Platt) else _points(curve, p)


def _line(curve: Platt, p: Any) -> Any:
    # Not log(p) - log1p(-p): Paddle Inference computes the first in p's place, and takes the second of that.
    return F.sigmoid(curve.slope * paddle.logit(paddle.clip(p, SMALLEST, LARGEST)) + curve.offset)


def _points(curve: Isotonic, p: Any) -> Any:
    if len(curve.x) == 1:
        return paddle.full_like(p, curve.y[0])
    x, y = (paddle.to_tensor(side, dtype="float32") for side in (list(curve.x), list(curve.y)))
    flat = paddle.reshape(p, [-1])
    after = paddle.clip(paddle.searchsorted(x, flat, right=True), 1, len(curve.x) - 1)
    left, right = paddle.gather(x, after - 1), paddle.gather(x, after)
    low, high = paddle.gather(y, after - 1), paddle.gather(y, after)
    share = paddle.clip((flat - left) / (right - left), 0.0, 1.0)
    return paddle.reshape(low + share * (high - low), [-1, 1])
