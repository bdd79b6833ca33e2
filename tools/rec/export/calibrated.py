"""A calibration as a part of an exported program."""

from __future__ import annotations

from typing import Any

import numpy as np
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
    # Not log(p) - log(1 - p): Paddle Inference computes the one in p's place, and takes the other of that. One use of p
    # after another is safe, and these operators ONNX has too.
    inverse = paddle.reciprocal(paddle.clip(p, SMALLEST, LARGEST))
    return F.sigmoid(curve.offset - curve.slope * paddle.log(inverse - 1.0))


def _points(curve: Isotonic, p: Any) -> Any:
    """The lowest value, and of each piece its rise by the share of it that is below p: products that ONNX has too."""
    if len(curve.x) == 1:
        return paddle.full_like(p, curve.y[0])
    x, y = np.array(curve.x), np.array(curve.y)
    begin, rise = (paddle.to_tensor(each.astype(np.float32)) for each in (x[:-1], np.diff(y)))
    faster = paddle.to_tensor((1.0 / np.diff(x)).astype(np.float32))
    shares = paddle.clip((p - begin) * faster, 0.0, 1.0)
    return curve.y[0] + paddle.matmul(shares, paddle.unsqueeze(rise, 1))
