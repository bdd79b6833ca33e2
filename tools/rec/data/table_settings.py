"""The `data` section of a config: which columns of a user's table are fields and which are labels.

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

from rec.config.behaviours import REQUEST
from rec.config.suggest import did_you_mean
from rec.data.field_settings import FieldColumn, contradictions
from rec.errors import UserError


class Split(BaseModel):
    """Rows of the training folder that are set aside."""

    model_config = ConfigDict(strict=True, extra="forbid")

    share: float | None = Field(None, gt=0, lt=1, description="so many of them, drawn by a hash")
    by: str | None = Field(
        None,
        description="with share: the column of a group, such as user_id, whose rows all go together (null: the row's "
        "number); with after: the column of the time",
    )
    after: str | int | float | None = Field(
        None, description="those that are later than this: a number, a day such as '2026-05-07', or a day and time"
    )


class DataSettings(BaseModel):
    """`data.*` of a config file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    fields: dict[str, FieldColumn | None] = Field(description="the fields, by name; null: a column of that name")
    labels: dict[str, str] = Field(description="the label columns, by the label's name")
    numbers: dict[str, str] = Field({}, description="labels that are any number, by name: watch time, price, ...")
    sample_id: str | None = Field(None, description="column that names an impression; null: the row's number")
    keep: list[str] = Field([], description="columns that go into the predictions as they are")
    files: str = Field("*", description="pattern of the files in the data folders, e.g. '*.csv'")
    columns: list[str] | None = Field(
        None, min_length=1, description="the columns' names of text files that do not begin with them"
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="the character between columns of a text file; null: a tab in .tsv files, else a comma",
    )
    encoding: str = Field("utf-8", description="what text files are in, e.g. gbk or latin-1")
    null_values: list[str] = Field(
        ["\\N", "NULL", "null", "NA", "N/A", "NaN", "nan", "None", "<NA>"],
        description="texts that stand for a missing value; [] where one of them is a value, such as NA for Namibia",
    )
    quoting: Literal["standard", "none"] = Field("standard", description="none: quotes are characters like others")
    newlines_in_values: bool = Field(False, description="let a quoted value of a text file hold line breaks")
    test: Split | None = Field(None, description="which rows of the training folder are tested on, and not trained on")
    valid: Split | None = Field(None, description="which of its other rows are validated on after each epoch")
    test_share: float = Field(0.0, ge=0, lt=1, description="short for test: {share: ...}, by the row's number")
    valid_share: float = Field(0.0, ge=0, lt=1, description="short for valid: {share: ...}, by the row's number")
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

    @property
    def columns_of(self) -> dict[str, FieldColumn]:
        """The fields, each with what is said of it."""
        return {name: field or FieldColumn() for name, field in self.fields.items()}

    @property
    def ids(self) -> dict[str, FieldColumn]:
        """Those that have ids."""
        return {name: field for name, field in self.columns_of.items() if field.is_id}

    @property
    def scaled(self) -> dict[str, FieldColumn]:
        """Those that are numbers."""
        return {name: field for name, field in self.columns_of.items() if not field.is_id}

    def number_names(self) -> tuple[str, ...]:
        """The columns of numbers that a network sees."""
        names = []
        for name, field in self.scaled.items():
            names += [name, f"{name}_missing"] if field.missing == "indicator" else [name]
        return tuple(names)

    def hash_size_of(self, name: str) -> int | None:
        """Ids by hashing that a field has; None: a vocabulary."""
        field = self.columns_of[name]
        if field.cuts or field.shares:
            return None
        return field.hash_size or (None if field.min_count else self.hash_size)

    def reading(self) -> dict[str, Any]:
        """What ids and labels depend on, by the setting's name."""
        found: dict[str, Any] = {"data.hash_size": self.hash_size}
        unset = FieldColumn()
        for name, field in self.columns_of.items():
            for key in FieldColumn.model_fields:
                if key in ("column", "separator", "weights", "buckets") or getattr(field, key) != getattr(unset, key):
                    found[f"data.fields.{name}.{key}"] = getattr(field, key)
        for section in ("labels", "numbers"):
            found |= {f"data.{section}.{name}": column for name, column in getattr(self, section).items()}
        return found

    def split(self, part: Literal["test", "valid"]) -> Split | None:
        """How a part's rows are set aside, in whichever way it is said."""
        share = self.test_share if part == "test" else self.valid_share
        return (self.test if part == "test" else self.valid) or (Split(share=share) if share else None)


_NAMES = [*DataSettings.model_fields, *FieldColumn.model_fields, *Split.model_fields]


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
        "extra_forbidden": f"is not a setting{did_you_mean(problem['loc'][-1], _NAMES)}",
        "dict_type": "should be a mapping such as {click: clicked} (of fields {user: , item: })",
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
    if settings.delimiter is not None and (not settings.delimiter.isascii() or settings.delimiter in '"\r\n'):
        yield f"data.delimiter: should be an ASCII character and no quote or line break, got {settings.delimiter!r}"
    for part, split, share in (
        ("test", settings.test, settings.test_share),
        ("valid", settings.valid, settings.valid_share),
    ):
        if split and share:
            yield f"data.{part} and data.{part}_share say the same thing twice: leave one out"
        if split and (split.share is None) == (split.after is None):
            yield f"data.{part}: says either share or after, got {split.model_dump(exclude_none=True)}"
        if split and split.after is not None and split.by is None:
            yield f"data.{part}: after needs by, the column of the time"
    yield from _overlap(settings)
    for name in settings.keep:
        taken = {"sample_id", *settings.labels, *settings.numbers} - {REQUEST}  # whose numbers nobody keeps
        if name in taken:
            yield f"data.keep: predictions have a column {name} already"
    yield from contradictions(settings.columns_of)


def _overlap(settings: DataSettings) -> Iterator[str]:
    """A validation part that begins when, or after, the test part does."""
    test, valid = settings.test, settings.valid
    if not (test and valid and test.by == valid.by and test.after is not None and valid.after is not None):
        return
    if type(test.after) is type(valid.after) and not valid.after < test.after:  # type: ignore[operator]
        yield (
            f"data.valid.after is {valid.after!r}, but data.test takes all rows later than {test.after!r}: validation "
            "comes before testing"
        )
