"""Impressions that an exported model keeps with what the trained one predicts of them, to be compared where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from rec.data.arrays import inputs
from rec.data.batch import Bags, Batch
from rec.errors import UserError
from rec.numeric import Array

SAMPLE = "sample.npz"

_ROWS = 32

CLOSE = {"float32": 1e-5, "float16": 1e-3, "int8": 2e-2}
"""The largest difference of a probability, or relative difference of a number, that is no fault, by how the table's
rows are stored."""

Runtime = Callable[[dict[str, Array]], Mapping[str, Array]]
"""Arrays by the model's input names to predictions by name."""


def write_sample(folder: Path, batch: Batch, columns: Sequence[str], predicted: Mapping[str, Array]) -> None:
    """Keep the first impressions of a batch as the model's inputs, with the trainer's predictions, float32 [B] each."""
    first = _first(batch, min(_ROWS, len(batch)))
    arrays: dict[str, Any] = {f"input.{name}": values for name, values in inputs(first, columns).items()}
    arrays |= {f"output.{name}": values[: len(first)] for name, values in predicted.items()}
    np.savez_compressed(folder / SAMPLE, **arrays)


def check_sample(folder: Path, run: Runtime, rows: str) -> None:
    """Raise UserError unless a runtime predicts what the trainer did, or nothing is kept to compare."""
    try:
        with np.load(folder / SAMPLE, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, BadZipFile) as error:
        raise UserError(f"{folder / SAMPLE}: cannot be read: {error}; export the model again") from None
    given, expected = (
        {name.removeprefix(kind): values for name, values in arrays.items() if name.startswith(kind)}
        for kind in ("input.", "output.")
    )
    found = difference(run(given), expected)
    if not found <= CLOSE[rows]:  # NaN is no agreement
        raise UserError(
            f"{folder}: predicts otherwise than the trained model, by {found:.2g}, on the impressions it keeps"
        )


def difference(found: Mapping[str, Array], expected: Mapping[str, Array]) -> float:
    """The largest difference of predictions, relative where a number is larger than 1; NaN if there is one."""
    largest = 0.0
    for name, own in expected.items():
        apart = np.abs(found[name].reshape(-1) - own) / np.maximum(1, np.abs(own))
        largest = max(largest, float(apart.max(initial=0.0)))
        if np.isnan(apart).any():
            return float("nan")
    return largest


def _first(batch: Batch, count: int) -> Batch:
    numbers = None if batch.numbers is None else batch.numbers[:count]
    labels = {name: values[:count] for name, values in batch.labels.items()}
    bags = tuple(_first_rows(each, count) for each in batch.bags)
    return Batch(batch.rows, bags, labels, batch.sample_ids[:count], numbers=numbers)


def _first_rows(bags: Bags, count: int) -> Bags:
    """A block for the first impressions; rows that they share come in the order of impressions."""
    index = None if bags.row_index is None else bags.row_index[:count]
    rows = count if index is None else int(index.max(initial=-1)) + 1
    offsets = bags.offsets[: rows * bags.num_field + 1]
    weights = None if bags.weights is None else bags.weights[: offsets[-1]]
    return replace(bags, positions=bags.positions[: offsets[-1]], offsets=offsets, weights=weights, row_index=index)
