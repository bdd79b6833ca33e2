"""A field's vectors in two dimensions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rec.errors import UserError
from rec.numeric import Array
from rec.scoring.checkpoint import Checkpoint
from rec.vectors.matrix import vectors

MOST, NAMED = 3000, 25
"""Values that are drawn, the commonest ones, and how many of them by name."""


def draw(checkpoint: Checkpoint, name: str, rows: pa.Table, path: Path) -> None:
    """A PNG: a panel for each of the field's vectors, their first two principal components, coloured by count.

    Where counts are not known, the colour is the vectors' length, and the first values are drawn.

    Raises:
        UserError: the field has fewer than three values, or the file cannot be written.
    """
    rows = rows.filter(pc.not_equal(rows["kind"], "unknown"))
    if len(rows) < 3:
        raise UserError(f"--picture: field {name} has {len(rows)} values; at least 3 are needed")
    counted = rows["count"].null_count == 0
    if counted:
        rows = rows.sort_by([("count", "descending")])
    rows = rows.slice(0, MOST)
    parts = {k: v for k, v in vectors(checkpoint, rows["id"].to_numpy()).items() if k.startswith("vector")}
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5 * len(parts), 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    texts = [value if value is not None else str(row) for value, row in zip(*_named(rows), strict=True)]
    for panel, (part, values) in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts.items(), strict=True):
        points, shares = principal(values)
        colour = np.maximum(rows["count"].to_numpy(), 1) if counted else np.linalg.norm(values, axis=1)
        drawn = panel.scatter(*points.T, c=colour, s=9, norm=LogNorm() if counted else None)
        figure.colorbar(drawn, ax=panel, label="times in training" if counted else "length of the vector")
        for text, point in zip(texts, points, strict=False):
            panel.annotate(text.replace("$", r"\$"), point, fontsize=7)
        panel.set_title(f"{name}: {part} of {len(rows):,} values")
        panel.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
        panel.set_ylabel(f"second component ({shares[1]:.0%})")
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        figure.savefig(temporary, format="png", dpi=110)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _named(rows: pa.Table) -> tuple[list[str | None], list[int]]:
    return rows["value"].slice(0, NAMED).to_pylist(), rows["id"].slice(0, NAMED).to_pylist()


def principal(values: Array) -> tuple[Array, Array]:
    """The first two principal components of vectors, float [n, d] to [n, 2], and the share of variance of each, [2].

    A second one of vectors of width 1 is 0.
    """
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    points, shares = np.zeros((len(values), 2)), np.zeros(2)
    kept = min(2, len(sizes))
    points[:, :kept] = left[:, :kept] * sizes[:kept]
    total = float(np.sum(sizes**2))
    shares[:kept] = sizes[:kept] ** 2 / total if total else 0.0
    return points, shares
