"""The `data` section of a config: which columns of a user's table (CSV or Parquet) are fields and which are labels.

data:
  test_share: 0.3
  labels: {click: clicked, conversion: bought}
  fields: {user: , item: , tags: {separator: "|"}, price: {buckets: 20}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from rec.errors import UserError


class FieldColumn(BaseModel):
    """How one column becomes a field."""

    model_config = ConfigDict(strict=True, extra="forbid")

    column: str | None = Field(None, description="the column's name, if it is not the field's")
    separator: str | None = Field(None, min_length=1, description="what parts the values of a multi-valued text column")
    weights: str | None = Field(None, description="list column, or text with the same separator: a weight per value")
    buckets: int | None = Field(
        None, gt=1, le=1_000_000, description="cut a number into so many buckets of equal counts"
    )


class DataSettings(BaseModel):
    """`data.*` of a config file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    fields: dict[str, FieldColumn | None] = Field(description="the fields, by name; null: a column of that name")
    labels: dict[str, str] = Field(description="the label columns, by the label's name")
    numbers: dict[str, str] = Field({}, description="labels that are any number, by name: watch time, price, ...")
    sample_id: str | None = Field(None, description="column that names an impression; null: the row's number")
    files: str = Field("*", description="pattern of the files in the data folders, e.g. '*.csv'")
    delimiter: str = Field(",", min_length=1, max_length=1, description="the character between columns of a text file")
    quoting: Literal["standard", "none"] = Field("standard", description="none: quotes are characters like others")
    newlines_in_values: bool = Field(False, description="let a quoted value of a text file hold line breaks")
    test_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the training folder's rows, by their hash, to test on and not to train on",
    )
    valid_share: float = Field(
        0.0, ge=0, lt=1, description="share of its other rows, by the same hash, to validate on after each epoch"
    )
    min_count: int = Field(1, gt=0, description="values rarer than this share the field's out-of-vocabulary id")
    unknown_rate: float = Field(
        1.0,
        ge=0,
        description="r: in training a value that occurs n times is taken for an unknown one with probability "
        "r / (r + n), so that what is new in other data has a trained vector; 0: never",
    )
    hash_size: int | None = Field(
        None, gt=1, description="ids per field by hashing, instead of a vocabulary; not of buckets, which are few"
    )


def read_settings(section: Any) -> DataSettings:
    """The checked `data` section.

    Raises:
        UserError: it is missing or wrong, all problems in one line.
    """
    if not isinstance(section, dict):
        raise UserError("the config has no data section: it names the table's fields and labels (README, Your data)")
    try:
        settings = DataSettings(**{str(name): value for name, value in section.items()})
    except ValidationError as error:
        raise UserError("; ".join(_in_words(problem) for problem in error.errors())) from None
    if problems := list(_contradictions(settings)):
        raise UserError("; ".join(problems))
    return settings


def _in_words(problem: ErrorDetails) -> str:
    place, given = ".".join(["data", *map(str, problem["loc"])]).removesuffix(".[key]"), problem["input"]
    if problem["type"] == "missing":
        return f"{place}: {problem['msg']}"
    messages = {
        "extra_forbidden": "is not a setting",
        "model_type": "should be nothing, or a mapping such as {separator: '|'}",
        "string_type": "should be a text (if a number is a column's name: in quotes)",
    }
    return f"{place}: {messages.get(problem['type'], problem['msg'])}, got {given!r}"


def _contradictions(settings: DataSettings) -> Iterator[str]:
    """Settings that mean nothing beside others."""
    if not settings.fields:
        yield "data.fields: names no field; expected some such as {user: , item: }"
    if settings.newlines_in_values and settings.quoting == "none":
        yield "data.newlines_in_values needs data.quoting: standard, as only a quoted value can hold a line break"
    if settings.hash_size and settings.min_count > 1:
        yield "data.min_count means nothing with data.hash_size, which counts no values: leave one out"
    if not settings.delimiter.isascii() or settings.delimiter in '"\r\n':
        yield f"data.delimiter: should be an ASCII character and no quote or line break, got {settings.delimiter!r}"
    for name, field in settings.fields.items():
        if field and field.buckets and (field.separator or field.weights):
            given = "separator" if field.separator else "weights"
            yield f"data.fields.{name}: buckets cut a single number, which has no {given}: leave one out"
