"""The `data` section of a config: which columns of a user's table are fields and which are labels.

data:
  labels: {click: clicked, conversion: bought}
  fields: {user: , item: , tags: {separator: "|"}, price: {buckets: 20}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rec.config.behaviours import REQUEST
from rec.config.negatives import NEGATIVE_RATE
from rec.data.common_settings import Common
from rec.data.field_settings import OF_NETWORK, FieldColumn, contradictions
from rec.data.growth_rules import growth_contradictions
from rec.data.setting_errors import in_words
from rec.data.split_settings import Split, split_contradictions
from rec.errors import UserError


class DataSettings(BaseModel):
    """`data.*` of a config file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    fields: dict[str, FieldColumn | None] = Field(description="the fields, by name; null: a column of that name")
    labels: dict[str, str] = Field(description="the label columns, by the label's name")
    numbers: dict[str, str] = Field({}, description="labels that are any number, by name: watch time, price, ...")
    common: Common | None = Field(
        None,
        description="fields that rows share: runs of rows, runner.shuffle_chunk at most, then stay together in the "
        "shuffle, and each batch holds what they share once",
    )
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
    random_test: str | list[str] | None = Field(None, description="rows shown at random, for tools/compare.py alone")
    min_count: int = Field(1, gt=0, description="values rarer than this share the field's out-of-vocabulary id")
    unknown_rate: float = Field(
        1.0,
        ge=0,
        description="r: in training a value that occurs n times is taken for an unknown one with probability "
        "r / (r + n), so that what is new in other data has a trained vector; 0: never",
    )
    negative_rate: float | None = Field(None, gt=0, lt=1, description=NEGATIVE_RATE)
    hash_size: int | None = Field(
        None, gt=1, description="ids per field by hashing, instead of a vocabulary; not of buckets, which are few"
    )
    grow_vocabulary: bool = Field(
        False, description="give values that the vocabulary of runner.warm_start does not know rows of their own"
    )
    admit_count: int = Field(1, gt=0, description="from so many occurrences on, over all days, a value has a row")
    evict_after: int | None = Field(None, gt=0, description="free rows of values unseen for so many days")
    max_rows: int | None = Field(None, gt=0, description="rows of a field at most; others give way and wait")
    evict_by: Literal["recency", "frequency"] = Field("recency", description="who gives way: the least recent or rare")

    @property
    def columns_of(self) -> dict[str, FieldColumn]:
        """The fields, each with what is said of it."""
        return {name: field or FieldColumn() for name, field in self.fields.items()}

    @property
    def ids(self) -> dict[str, FieldColumn]:
        """Those that have ids; those that rows share come first."""
        found = {name: field for name, field in self.columns_of.items() if field.is_id}
        return {name: found[name] for name in sorted(found, key=lambda name: name not in self.shared)}

    @property
    def shared(self) -> list[str]:
        """The fields that rows share."""
        return self.common.fields if self.common else []

    @property
    def scaled(self) -> dict[str, FieldColumn]:
        """Those that are numbers."""
        return {
            name: field if field.numeric else field.model_copy(update={"numeric": "standardize"})
            for name, field in self.columns_of.items()
            if not field.is_id
        }

    def least(self, name: str) -> int:
        """How often a value of a field occurs at least to be known."""
        return self.admit_count if self.grow_vocabulary else self.columns_of[name].min_count or self.min_count

    def embeds(self) -> dict[str, Any]:
        """The columns of numbers, and how each becomes a vector if its field says so, else None."""
        found = {}
        for name, field in self.scaled.items():
            found[name] = field.embed
            if field.missing == "indicator":
                found[f"{name}_missing"] = field.embed
        return found

    def wanted(self) -> list[str]:
        """The columns that are named."""
        splits = (self.split("test"), self.split("valid"))
        names = {self.sample_id, *self.labels.values(), *self.numbers.values(), *(each.by for each in splits if each)}
        names |= set(self.common.columns) if self.common else set()
        for name, field in self.columns_of.items():
            by = field.statistic.by if field.statistic else None
            names |= {None if field.cross else field.column or name, field.weights, by}
        return sorted(name for name in names if name is not None)

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
            # What a row begins with, whether it moves, and what becomes of a number, the checkpoint's network knows.
            for key in [k for k in FieldColumn.model_fields if k not in OF_NETWORK]:
                value = getattr(field, key)
                if key in ("column", "separator", "weights", "buckets") or value != getattr(unset, key):
                    plain = value.model_dump() if isinstance(value, BaseModel) else value
                    found[f"data.fields.{name}.{key}"] = plain
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
        raise UserError("; ".join(in_words(problem, _NAMES) for problem in error.errors())) from None
    if problems := list(_contradictions(settings)):
        raise UserError("; ".join(problems))
    return settings


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
    yield from split_contradictions(settings.test, settings.test_share, settings.valid, settings.valid_share)
    for name in settings.shared:
        if name not in settings.ids:
            yield f"data.common.fields: {name} is no field with ids"
    for name in settings.keep:
        taken = {"sample_id", *settings.labels, *settings.numbers} - {REQUEST}  # whose numbers nobody keeps
        if name in taken:
            yield f"data.keep: predictions have a column {name} already"
    for name, field in settings.columns_of.items():
        for label in (field.statistic.of, field.statistic.among) if field.statistic else ():
            if label is not None and label not in {**settings.labels, **settings.numbers}:
                yield f"data.fields.{name}.statistic: {label} is no label of data.labels or data.numbers"
    yield from growth_contradictions(settings)
    yield from contradictions(settings.columns_of)
