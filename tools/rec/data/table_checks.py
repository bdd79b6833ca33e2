"""What a table's settings may not say together with the rest of the config."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rec.console import log
from rec.data.reader import ReaderSettings
from rec.data.table_rows import in_order
from rec.data.table_settings import DataSettings
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError


def check_labels(labels: Sequence[str], known: Collection[str]) -> None:
    """Refuse a section that does not say where a label is."""
    absent = [name for name in labels if name not in known]
    if absent:
        raise UserError(f"data.labels: has no {', '.join(absent)}; expected {', '.join(labels)}")


def check_vocabulary(vocabulary: Vocabulary | None, settings: DataSettings, dims: Mapping[str, int]) -> None:
    """Refuse a checkpoint's vocabulary of other fields, or of fields of other widths."""
    fields = in_order(settings.ids, dims)
    if vocabulary is not None and list(vocabulary.values) != fields:
        raise UserError(
            f"hyper_parameters.fields was {list(vocabulary.values)}, is {fields}: a checkpoint's "
            "vocabulary has the fields that it was trained on"
        )


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


def warn_of_unused(settings: DataSettings, attended: Collection[str], values: ReaderSettings) -> None:
    """Say what is set and does nothing."""
    for name in attended:
        if name in settings.ids and settings.ids[name].pooling:
            log.warning("data.fields.%s.pooling has no effect: interaction.attend sees it value by value", name)
    if values.sparse_feature_number:
        log.warning(
            "hyper_parameters.sparse_feature_number is %d and has no effect: a table has as many ids as it has values, "
            "or as data.hash_size says", values.sparse_feature_number,
        )  # fmt: skip


def check_weights(settings: DataSettings, pooling: str) -> None:
    """Weights and `pooling: weighted` mean nothing without each other."""
    weighted = [name for name, field in settings.ids.items() if field.weighs]
    without = [name for name in weighted if (settings.ids[name].pooling or pooling) != "weighted"]
    if without:
        said = "weights" if settings.ids[without[0]].weights else "pairs"
        raise UserError(
            f"data.fields.{without[0]}.{said} has no effect with hyper_parameters.pooling: {pooling}: set that to "
            "weighted, or leave the weights out"
        )
    if pooling == "weighted" and not weighted:
        log.warning("hyper_parameters.pooling is weighted, but no field of data.fields has weights: each counts 1")
