"""A ranking formula: one score of several predictions and columns. It needs NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rec.errors import UserError
from rec.numeric import Array

FORMULA = "formula.json"
"""Its file, in an exported model too."""

FLOOR = 1e-12
"""What a term of 0 or less is taken for where a logarithm is taken."""

Form: TypeAlias = Literal["power", "additive", "logistic"]


class Formula(BaseModel):
    """A score of columns x_i with weights w_i; rows are ranked by it, the largest first.

    power: prod_i x_i^w_i; additive: sum_i w_i x_i; logistic: sigmoid(bias + sum_i w_i log x_i).

    Attributes:
        form: which of them.
        terms: w by column: predictions such as `pctr`, and columns that a request's candidates have, such as `price`.
        bias: of the logistic form.
        missing: what stands for a value of a column that is not known (NaN).
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    format: Literal["ranking-formula"] = "ranking-formula"
    version: Literal[1] = 1
    form: Form
    terms: dict[str, float] = Field(min_length=1)
    bias: float = 0.0
    missing: dict[str, float] = {}

    def score(self, columns: Mapping[str, Array]) -> Array:
        """The score of each row, float64 [n].

        Args:
            columns: float [n] each, by name; those that are no terms are passed over.

        Raises:
            UserError: a term is missing, or NaN in a row, and `missing` says nothing of it.
        """
        total: Array = np.zeros(())
        for name, weight in self.terms.items():
            if name not in columns:
                raise UserError(f"the ranking formula needs {name}, and has {', '.join(columns) or 'nothing'}")
            values = self._known(name, np.asarray(columns[name], np.float64))
            total = total + weight * (values if self.form == "additive" else logarithm(values))
        if self.form == "additive":
            return total
        # The largest exponent that is no infinity: two scores beyond it would be equal.
        return np.exp(np.clip(total, -700, 700)) if self.form == "power" else _sigmoid(total + self.bias)

    def _known(self, name: str, values: Array) -> Array:
        absent = np.isnan(values)
        if not absent.any():
            return values
        if name not in self.missing:
            raise UserError(f"the ranking formula needs {name}, which is empty in row {int(np.argmax(absent)) + 1}")
        return np.where(absent, self.missing[name], values)

    def __str__(self) -> str:
        if self.form == "power":
            return " * ".join(f"{name}^{weight:.3g}" for name, weight in self.terms.items())
        inner = " + ".join(
            f"{weight:.3g} {name if self.form == 'additive' else f'log {name}'}" for name, weight in self.terms.items()
        )
        return inner if self.form == "additive" else f"sigmoid({self.bias:.3g} + {inner})"

    def save(self, folder: Path) -> None:
        """Write `formula.json` into a folder."""
        (folder / FORMULA).write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Formula:
        """Read it.

        Raises:
            UserError: it is missing, or is no formula.
        """
        try:
            formula = cls(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; tools/fuse.py writes a ranking formula") from None
        except (OSError, ValueError, TypeError, RecursionError, ValidationError) as error:
            raise UserError(f"{path}: is no ranking formula: {error}") from None
        if not np.isfinite([*formula.terms.values(), formula.bias, *formula.missing.values()]).all():
            raise UserError(f"{path}: is no ranking formula: a weight is not finite")
        return formula


def logarithm(values: Array) -> Array:
    """log x, of 0 and less that of FLOOR."""
    return np.log(np.maximum(values, FLOOR))


def _sigmoid(x: Array) -> Array:
    return np.exp(-np.logaddexp(0.0, -x))
