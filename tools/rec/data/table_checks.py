"""What a table's settings may not say together with the rest of the config."""

from __future__ import annotations

from rec.console import log
from rec.data.table_settings import DataSettings
from rec.errors import UserError


def check_leaks(settings: DataSettings, answers: dict[str, str]) -> None:
    """Refuse a field that is read from a label's column: the answer would be among the questions.

    Args:
        answers: labels by their columns. A price or a sample weight, which nobody predicts, may be a field too.
    """
    for name, field in settings.fields.items():
        for column in ((field.column if field else None) or name, field.weights if field else None):
            if column in answers:
                raise UserError(
                    f"data.fields.{name}: column {column} is the label {answers[column]}: leave the field out"
                )


def check_weights(settings: DataSettings, pooling: str) -> None:
    """Weights and `pooling: weighted` mean nothing without each other."""
    weighted = [name for name, field in settings.fields.items() if field and field.weights]
    if weighted and pooling != "weighted":
        raise UserError(
            f"data.fields.{weighted[0]}.weights has no effect with hyper_parameters.pooling: {pooling}: set that to "
            "weighted, or leave the weights out"
        )
    if pooling == "weighted" and not weighted:
        log.warning("hyper_parameters.pooling is weighted, but no field of data.fields has weights: each counts 1")
