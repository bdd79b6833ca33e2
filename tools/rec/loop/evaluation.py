"""What an evaluation came to, and its metrics.json."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.checkpoint.manifest import read_manifest
from rec.errors import UserError
from rec.metrics.estimate import Estimates, as_dicts
from rec.metrics.task import Result
from rec.metrics.truth import TruthResult
from rec.report.values import flat


@dataclass(frozen=True)
class Evaluation:
    """What one pass over the data came to.

    Attributes:
        values: as a log line shows them.
        results: of each task; empty for PaddleRec's models, which count for themselves.
        truth: against the known probabilities of simulated data; empty for real data.
        metrics: what `runner.metrics` asks for, by task and metric.
        segments: the same by segment and its value.
        impressions: how many were scored.
        seconds: how long it took.
    """

    values: dict[str, Any]
    results: dict[str, Result]
    truth: dict[str, TruthResult]
    metrics: Estimates
    segments: dict[str, dict[str, Estimates]]
    impressions: int
    seconds: float

    @property
    def judges(self) -> bool:
        """Whether a row told a label: rows that are only scored do not."""
        return not self.results or any(result.n for result in self.results.values())


def write_metrics(folder: Path, data: Sequence[Path], evaluation: Evaluation) -> None:
    """Write metrics.json into a checkpoint's folder (its form: docs/metrics.md). Raises UserError if it cannot."""
    manifest = read_manifest(folder)
    content = {
        "checkpoint": str(folder.resolve()),
        "step": manifest.step if manifest else None,
        "data": ", ".join(map(str, data)),
        "impressions": evaluation.impressions,
        "seconds": round(evaluation.seconds, 3),
        **(flat(evaluation.results) or {name: _plain(value) for name, value in evaluation.values.items()}),
        "truth": {name: result.as_dict() for name, result in evaluation.truth.items()},
        "tasks": {name: result.as_dict() for name, result in evaluation.results.items()},
    }
    if evaluation.metrics:
        content["metrics"] = as_dicts(evaluation.metrics)
        content["segments"] = {
            segment: {value: as_dicts(found) for value, found in values.items()}
            for segment, values in evaluation.segments.items()
        }
    target, temporary = folder / "metrics.json", folder / f".metrics-{os.getpid()}"
    try:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from None


def _plain(value: Any) -> Any:
    """A NumPy value as JSON takes it."""
    return value.tolist() if hasattr(value, "tolist") else value
