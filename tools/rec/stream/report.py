"""What all runs of a stream came to: summary.json and hours.csv, and a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from rec.checkpoint.arrays import sync
from rec.config.stream import StreamName
from rec.errors import UserError
from rec.stream.judge import LARGER, Figures, relative_gain, together

Runs = Mapping[tuple[StreamName, int], Sequence[Mapping[str, Any]]]
"""The hours of each method and seed."""

_ENDS: tuple[StreamName, StreamName] = ("pretrain", "oracle")


def summary(runs: Runs) -> dict[str, dict[str, Any]]:
    """By method, means over the seeds with their standard errors (None of one seed): figures, and the share of the way
    from `pretrain` to `oracle` by each that methods are compared by, where both ran.

    Args:
        runs: the hours of each method and seed.
    """
    whole = {run: together(hours) for run, hours in runs.items()}
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for name, _ in runs):
        seeds = [seed for other, seed in runs if other == name]
        figures = {key: _spread([whole[name, seed].get(key) for seed in seeds]) for key in (*LARGER, "calibration")}
        gains = {
            key: _spread([_gain(whole, key, name, seed) for seed in seeds])
            for key in LARGER
            if figures[key]["mean"] is not None
        }
        found[name] = {"seeds": seeds, "clicks": whole[name, seeds[0]]["n"], **figures, "relative_gain": gains}
    return found


def _gain(whole: Mapping[tuple[StreamName, int], Figures], key: str, name: StreamName, seed: int) -> float | None:
    pretrained, oracle = (whole.get((end, seed), {}).get(key) for end in _ENDS)
    return relative_gain(whole[name, seed].get(key), pretrained, oracle)


def _spread(values: Sequence[float | int | None]) -> dict[str, float | None]:
    known = np.array([value for value in values if value is not None], np.float64)
    if not len(known):
        return {"mean": None, "standard_error": None}
    error = float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else None
    return {"mean": float(known.mean()), "standard_error": error}


def print_summary(found: Mapping[str, Mapping[str, Any]]) -> None:
    """The table on stdout."""
    table = Table(title="Hour by hour: relative gain is 0 for pretrain and 1 for oracle", caption=_seeds(found))
    table.add_column("method", overflow="fold")
    known = [key for key in LARGER if any(row[key]["mean"] is not None for row in found.values())]
    for key in (*known, "calibration", *(f"gain, {key}" for key in known)):
        table.add_column(key, justify="right")
    for name, row in found.items():
        gains = (_cell(row["relative_gain"].get(key, {}), ".2f") for key in known)
        table.add_row(name, *(_cell(row[key], ".4f") for key in known), _cell(row["calibration"], ".3f"), *gains)
    console = Console()
    if not console.is_terminal:
        console = Console(width=200 if any(len(row["seeds"]) > 1 for row in found.values()) else 130)
    console.print(table)


def _seeds(found: Mapping[str, Mapping[str, Any]]) -> str:
    count = {len(row["seeds"]) for row in found.values()}
    return f"{max(count)} seeds, mean and standard error" if max(count) > 1 else ""


def _cell(value: Mapping[str, float | None], form: str) -> str:
    mean, error = value.get("mean"), value.get("standard_error")
    if mean is None:
        return "-"
    return format(mean, form) + (f" ({format(error, form)})" if error is not None else "")


def write(folder: Path, runs: Runs, found: Mapping[str, Any]) -> None:
    """Write summary.json and hours.csv, each whole or not at all.

    Raises:
        UserError: the disk does not take it.
    """
    rows = [{"method": name, "seed": seed, **hour} for (name, seed), hours in runs.items() for hour in hours]
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    for name, content in (("summary.json", json.dumps(found, indent=1)), ("hours.csv", text.getvalue())):
        temporary = folder / f".saving-{name}"
        try:
            temporary.write_text(content, encoding="utf-8")
            sync(temporary)
            temporary.replace(folder / name)
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be written: {error.strerror}") from None
