"""README.md of an exported model: what it is, how good it is, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rec.config.config import Config
from rec.scoring.manifest import MODEL, PROGRAM, ExportManifest

_USE = f"""## Use

    from rec.scoring import Scorer
    Scorer("THIS FOLDER").score([{{"FIELD": VALUE, ...}}])        # arrays of predictions by name

or `python tools/score.py THIS_FOLDER --input rows.jsonl --output scores.jsonl`, or over HTTP `python tools/serve.py
THIS_FOLDER`. Names of columns: `fields` of `export.json`. `{MODEL}` and `{PROGRAM}.json` (Paddle Inference) take the
arrays below; `rec.data.arrays` makes them of rows.
"""


def card(manifest: ExportManifest, config: Config) -> str:
    """The page, in Markdown."""
    name = Path(manifest.model).name
    where = f"epoch {manifest.epoch}, {manifest.step} updates" if manifest.step is not None else "an epoch"
    lines = [
        f"# {name}, exported",
        "",
        f"The checkpoint `{manifest.checkpoint}` ({where}) of `{manifest.model}`. Embedding table of "
        f"{manifest.num_id:,} rows, stored as {manifest.rows}.",
        "",
        f"Trained on {_places(config.runner.train_data_dir)}; judged on {_places(config.runner.test_data_dir)}.",
        "",
        *([f"Probabilities are calibrated ({manifest.calibration.kind}).", ""] if manifest.calibration else []),
        "## Test data, as exported",
        "",
        *_table(_HEADER, [_row(task, values) for task, values in manifest.metrics.items()]),
        "",
        "Difference from the trained model's predictions, the largest: "
        + ", ".join(f"{key} {value:.1e}" for key, value in manifest.parity.items())
        + ".",
        "",
        _USE,
        "## Inputs",
        "",
        *_table(("name", "type", "shape", "meaning"), [_array(each) for each in manifest.inputs]),
        "",
        "## Outputs",
        "",
        *_table(("name", "type", "shape", "meaning"), [_array(each) for each in manifest.outputs]),
        "",
        "## Versions",
        "",
        ", ".join(f"{key} {value}" for key, value in manifest.versions.items()) + ". Checksums: `export.json`.",
    ]
    return "\n".join(lines) + "\n"


_HEADER = ("task", "AUC", "95 % interval", "logloss", "calibration", "impressions")


def _row(task: str, values: Mapping[str, Any]) -> list[str]:
    low, high = values.get("auc_low"), values.get("auc_high")
    interval = "-" if low is None or high is None else f"{low:.4f} - {high:.4f}"
    numbers = [_number(values.get(key)) for key in ("auc", "logloss", "calibration")]
    return [task, numbers[0], interval, *numbers[1:], f"{values.get('n', 0):,}"]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _array(each: Any) -> list[str]:
    return [f"`{each.name}`", each.dtype, ", ".join(map(str, each.shape)), each.meaning.replace("|", "\\|")]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(header)} |", "|---" * len(header) + "|", *(f"| {' | '.join(row)} |" for row in rows)]


def _places(given: str | list[str]) -> str:
    return ", ".join(f"`{each}`" for each in ([given] if isinstance(given, str) else given))
