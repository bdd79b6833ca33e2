"""A batch in an .npz file, to be looked at or trained on again: plain arrays, no pickles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rec.data.batch import Bags, Batch
from rec.errors import UserError
from rec.numeric import Array

_PARTS = ("positions", "offsets", "weights", "row_index")
_FACTS: dict[str, type] = {"sequence": bool, "dim": int, "largest": bool}


def save_batch(path: Path, batch: Any, facts: Mapping[str, int]) -> None:
    """Write a batch of ours, or of PaddleRec's (a list of arrays), and some whole numbers to know it by.

    Arrays are called after their attributes: rows, bags_0_positions, label_click, ...; a list's array_0, array_1, ...

    Raises:
        OSError: the file cannot be written.
        ValueError: an array holds objects.
    """
    arrays = (
        _of_batch(batch) if isinstance(batch, Batch) else {f"array_{i}": np.asarray(a) for i, a in enumerate(batch)}
    )
    objects = [name for name, array in arrays.items() if array.dtype.hasobject]
    if objects:
        raise ValueError(f"{', '.join(objects)} holds objects")
    temporary = path.with_name(f".saving-{path.name}-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays, **{f"fact_{name}": np.int64(value) for name, value in facts.items()})  # type: ignore[arg-type]
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _of_batch(batch: Batch) -> dict[str, Array]:
    arrays = {"rows": batch.rows, "sample_ids": batch.sample_ids}
    for index, bags in enumerate(batch.bags):
        arrays[f"bags_{index}_num_field"] = np.asarray(bags.num_field)
        for name in _PARTS:
            if getattr(bags, name) is not None:
                arrays[f"bags_{index}_{name}"] = getattr(bags, name)
        arrays[f"bags_{index}_fields"] = np.array(bags.fields, np.str_)
        for name in _FACTS:
            arrays[f"bags_{index}_{name}"] = np.asarray(getattr(bags, name))
    arrays |= {f"label_{name}": label for name, label in batch.labels.items()}
    more = {"excluded": batch.excluded, "numbers": batch.numbers}
    return arrays | {name: array for name, array in more.items() if array is not None}


def load_batch(path: Path) -> tuple[Any, dict[str, int]]:
    """The batch and the facts of a file that `save_batch` wrote.

    Raises:
        UserError: there is no such file, or it holds no whole batch.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        names = [name for name in arrays if name.startswith("fact_")]
        facts = {name.removeprefix("fact_"): int(arrays.pop(name)) for name in names}
        if "rows" in arrays:
            return _to_batch(arrays), facts
        return [arrays[f"array_{index}"] for index in range(len(arrays))], facts
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # a damaged zip file fails in many ways
        raise UserError(f"{path}: is no saved batch, or a damaged one: {type(error).__name__}: {error}") from None


def _to_batch(arrays: Mapping[str, Array]) -> Batch:
    """The batch, whose indices are all in range: the kernels that use them do not look."""
    rows, sample_ids = arrays["rows"].astype(np.int64), arrays["sample_ids"]
    labels = {name.removeprefix("label_"): array for name, array in arrays.items() if name.startswith("label_")}
    bags: list[Bags] = []
    while (start := f"bags_{len(bags)}_") + "num_field" in arrays:
        parts: dict[str, Any] = {name: arrays.get(start + name) for name in _PARTS}
        if f"{start}fields" in arrays:  # a file of before has none
            parts["fields"] = tuple(arrays[start + "fields"].tolist())
        parts |= {name: kind(arrays[start + name]) for name, kind in _FACTS.items() if start + name in arrays}
        bags.append(Bags(int(arrays[start + "num_field"]), **parts))
    numbers = arrays.get("numbers")
    lengths = {len(label) for label in labels.values()} | {len(sample_ids)}
    if numbers is not None:
        lengths.add(len(numbers))
    if len(lengths) > 1 or (rows < 0).any() or not all(_is_whole(b, len(rows), len(sample_ids)) for b in bags):
        raise ValueError("its arrays do not fit each other")
    return Batch(rows, tuple(bags), labels, sample_ids, arrays.get("excluded"), numbers=numbers)


def _is_whole(bags: Bags, num_id: int, num_impression: int) -> bool:
    offsets, positions = bags.offsets, bags.positions
    if offsets.dtype != np.int32 or positions.dtype != np.int32 or bags.num_field < 1:
        return False
    if len(offsets) % bags.num_field != 1 % bags.num_field or offsets[0] != 0 or offsets[-1] != len(positions):
        return False
    if (np.diff(offsets) < 0).any() or (positions < 0).any() or (positions >= num_id).any():
        return False
    if bags.row_index is None:
        return bags.num_row == num_impression
    inside = (bags.row_index >= 0) & (bags.row_index < bags.num_row)
    return len(bags.row_index) == num_impression and bool(inside.all())
