"""Which columns a field of a stream may not be read from: those that tell the future."""

from __future__ import annotations

from collections.abc import Mapping

from rec.config.stream import StreamSettings
from rec.data.table_settings import DataSettings
from rec.errors import UserError


def check_columns(settings: DataSettings, stream: StreamSettings) -> None:
    """Refuse fields that say what comes of a click, and settings of `data` that mean nothing to a stream.

    Raises:
        UserError: one of them, and what to do.
    """
    known = {**settings.labels, **settings.numbers}
    told = {column: f"data's label {name}" for name, column in known.items() if name != "click"}
    told |= {stream.conversion_time: "stream.conversion_time"}
    if stream.truth:
        told[stream.truth] = "stream.truth"
    for name, field in settings.columns_of.items():
        for column in (field.column or name, field.weights):
            if column in told:
                raise UserError(
                    f"data.fields.{name}: column {column} is {told[column]}, which nobody knows at the click: leave "
                    "the field out"
                )
        if field.statistic:
            raise UserError(
                f"data.fields.{name}.statistic: is made of final labels, which nobody knows at the click: leave the "
                "field out"
            )
    _check_settings(settings)


def _check_settings(settings: DataSettings) -> None:
    said: Mapping[str, bool] = {
        "data.test": settings.split("test") is not None,
        "data.valid": settings.split("valid") is not None,
        "data.negative_rate": settings.negative_rate is not None,
        "data.grow_vocabulary": settings.grow_vocabulary,
    }
    why = {
        "data.negative_rate": "a stream has clicks alone",
        "data.grow_vocabulary": "the vocabulary is that of stream.start; data.hash_size gives later values rows",
    }
    for name, given in said.items():
        if given:
            raise UserError(f"{name}: {why.get(name, 'each hour is tested on before it is trained on')}: leave it out")
