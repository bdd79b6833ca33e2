"""`runner.use_out_vec`: a trained embedding in a file of its own, for a search index or another model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from rec.config.settings import RunnerSettings
from rec.config.suggest import did_you_mean
from rec.errors import UserError
from rec.numeric import Array


def check(runner: RunnerSettings, engine: Any) -> None:
    """Raise UserError before training if the settings name no embedding or no file that can be written."""
    for name in ("emb_weight_name", "out_vec_path"):
        if not getattr(runner, name):
            raise UserError(f"runner.{name} is missing: runner.use_out_vec writes that embedding to that file")
    _find(runner, engine)
    target = Path(runner.out_vec_path or "")
    if target.is_dir():
        raise UserError(f"runner.out_vec_path: {target} is a directory; expected a file name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"runner.out_vec_path: cannot make {target.parent}: {error.strerror}") from None


def write(runner: RunnerSettings, engine: Any) -> Path:
    """Write the embedding, float32 [rows, width]: `.npy`, or text with a line `row v1 v2 ...` for each row.

    Raises:
        UserError: the file cannot be written; what was there before is untouched.
    """
    vectors, target = _find(runner, engine), Path(runner.out_vec_path or "")
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            if target.suffix == ".npy":
                np.save(file, vectors)
            else:
                for row, vector in enumerate(vectors):
                    file.write(f"{row} {' '.join(map(str, vector.tolist()))}\n".encode())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UserError(f"{target}: cannot be written: {error.strerror}") from None
    return target


def _find(runner: RunnerSettings, engine: Any) -> Array:
    weights: dict[str, Array] = {k: v for k, v in engine.state().weights.items() if v.ndim == 2}
    variables = engine.variable_names()
    by_name = {**{variables[k]: v for k, v in weights.items() if k in variables}, **weights}
    name = runner.emb_weight_name or ""
    if name not in by_name:
        raise UserError(
            f"runner.emb_weight_name: the model has no {name}{did_you_mean(name, by_name)}; its matrices are "
            f"{', '.join(weights)}"
        )
    return by_name[name]
