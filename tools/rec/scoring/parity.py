"""Whether an exported model says what the trained one says: each is asked with the same impressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rec.data.arrays import inputs
from rec.data.batch import Batch
from rec.errors import UserError
from rec.export.predict import open_predictor, run_predictor
from rec.numeric import Array
from rec.scoring.exported import session
from rec.scoring.sample import CLOSE, difference

ROWS = 1000
"""Impressions that are compared."""


def check_parity(
    batches: Sequence[Batch], expected: Sequence[Mapping[str, Array]], model: Path, program: Path, rows: str
) -> dict[str, float]:
    """The largest difference of each runtime's predictions from the trainer's.

    Args:
        batches: of test data.
        expected: what the trainer predicts of them, float32 [B] by name.
        model: the ONNX model's file.
        program: Paddle Inference's, `.json`.
        rows: how the ONNX model's table is stored.

    Raises:
        UserError: a difference is too large.
    """
    names = list(expected[0])
    onnx, paddle = session(model, 1), open_predictor(program, 1)

    def by_onnx(arrays: dict[str, Array]) -> Sequence[Array]:
        return list(onnx.run(names, arrays))

    def by_paddle(arrays: dict[str, Array]) -> Sequence[Array]:
        return run_predictor(paddle, arrays)

    runtimes: dict[str, tuple[Callable[[dict[str, Array]], Sequence[Array]], float]] = {
        "onnxruntime": (by_onnx, CLOSE[rows]),
        "paddle_inference": (by_paddle, CLOSE["float32"]),
    }
    columns = [each for each in _inputs(onnx) if each in batches[0].labels]
    found = {}
    for name, (run, close) in runtimes.items():
        found[name] = max(
            difference(dict(zip(names, run(inputs(batch, columns)), strict=True)), own)
            for batch, own in zip(batches, expected, strict=True)
        )
        if not found[name] <= close:  # NaN is no agreement
            raise UserError(
                f"the exported model differs from the trained one by {found[name]:.2g} under {name}: not kept"
            )
    return found


def _inputs(session: Any) -> list[str]:
    return [each.name for each in session.get_inputs()]
