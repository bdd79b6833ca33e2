"""Train and evaluate every model directory on its bundled data, and write what came out into the READMEs.

    python benchmarks/directories.py [NAME ...]

Uses each directory's config.yaml and the dynamic graph; checkpoints go to a temporary folder. A directory's README gets
its table at the end, under "Measured", and the README of the folder above a line.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import run

MODELS = Path(__file__).resolve().parents[1] / "models"
TOOLS = MODELS.parent / "tools"
HEADING = "\n## Measured\n"
CEILING = """
Share of ceiling: (AUC - 1/2) over that of the true probabilities, both against the truth and over all impressions. The
truth is p(click) given what a network sees, its mean over the position and the time that none is served with.
"""


def measure(directory: Path, folder: Path) -> dict[str, Any]:
    """The metrics of a directory's last epoch on its test data."""
    options = [f"runner.{key}={folder}" for key in ("model_save_path", "infer_load_path")]
    for tool, more in (("trainer", []), ("infer", ["runner.infer_checkpoint=latest"])):
        command = [sys.executable, str(TOOLS / f"{tool}.py"), "-m", str(directory / "config.yaml"), "-o"]
        run([*command, *options, *more], folder)
    (metrics,) = folder.glob("*/metrics.json")
    return dict(json.loads(metrics.read_text()))


def tables(found: dict[str, Any]) -> str:
    """A directory's tables in Markdown: probabilities, and numbers where there are any."""
    truth = found.get("truth", {})
    head = ["task", "AUC", "95 % interval", "log loss", "calibration", "positives"]
    rows = [head + ["share of ceiling"] * bool(truth)]
    numbers = [["number", "mean squared error", "mean absolute error", "rank correlation", "of"]]
    for name, row in found["tasks"].items():
        title, count = name.replace("_", " "), f"{row['n']:,}"
        if "mse" in row:
            numbers.append([title, *(shown(row[key], ".3f") for key in ("mse", "mae", "rank_correlation")), count])
            continue
        interval = f"{shown(row['auc_low'], '.3f')} - {shown(row['auc_high'], '.3f')}"
        cells = [title, shown(row["auc"], ".3f"), interval, shown(row["logloss"], ".4f")]
        cells += [shown(row["calibration"], ".2f"), f"{row['positives']:,} of {count}"]
        share = truth.get(name, {}).get("share_of_ceiling")
        rows.append(cells + [shown(share, ".0%")] * bool(truth))
    parts = [markdown(each) for each in (rows, numbers) if len(each) > 1]
    return "\n".join(parts) + (CEILING if truth else "")


def shown(value: float | None, form: str) -> str:
    """A number; what cannot be told is a dash."""
    return "-" if value is None else format(value, form)


def markdown(rows: list[list[str]]) -> str:
    """A table whose first row is its head."""
    head, *body = (f"| {' | '.join(row)} |\n" for row in rows)
    return head + "|---" * len(rows[0]) + "|\n" + "".join(body)


def line(found: dict[str, Any]) -> str:
    """What the list of all directories shows."""
    kinds = ("auc_", "rank_correlation_")
    values = {k.removeprefix("auc_"): v for k, v in found.items() if k.startswith(kinds) and v is not None}
    return ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in values.items())


def record(directory: Path, found: dict[str, Any]) -> None:
    """Put both into the READMEs; what was measured is a README's last section."""
    own = directory / "README.md"
    text = own.read_text().split(HEADING)[0]
    own.write_text(
        f"{text}{HEADING}\n`config.yaml` after its last epoch (`python benchmarks/directories.py`):\n\n{tables(found)}"
    )
    everything = directory.parent / "README.md"
    row = re.compile(rf"^(\| \[{directory.name}\]\(.*?\) \| .* \|) [^|]* \|$", re.MULTILINE)
    text, count = row.subn(lambda match: f"{match[1]} {line(found)} |", everything.read_text())
    if count != 1:
        raise SystemExit(f"{everything}: has {count} lines for {directory.name}")
    everything.write_text(text)


def main() -> None:
    """All directories, or those that are named."""
    for directory in sorted(path.parent for path in MODELS.glob("*/*/config.yaml")):
        if sys.argv[1:] and directory.name not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found = measure(directory, Path(folder))
        record(directory, found)
        print(f"{directory.name}: {line(found)}", flush=True)


if __name__ == "__main__":
    main()
