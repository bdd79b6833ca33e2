"""How one column of a table becomes a field: each of `data.fields`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Statistic(BaseModel):
    """A value's past rate: (sum of a label + prior * mean) / (rows + prior), over training rows but the row itself."""

    model_config = ConfigDict(strict=True, extra="forbid")

    of: str = Field(
        description="the label, by its name in data.labels or data.numbers; a row without it does not count"
    )
    among: str | None = Field(None, description="a label: only rows where it is 1 count")
    prior: int | float = Field(20, gt=0, description="so many rows of the mean rate are added to each value's own")
    by: str | None = Field(
        None,
        description="column of a period such as the day: a row's rate is that of earlier periods; null: of training "
        "rows, of the other four of five parts that rows are dealt to",
    )


class FieldColumn(BaseModel):
    """How one column becomes a field: an id for each value, or one number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    column: str | None = Field(None, description="the column's name, if it is not the field's")
    separator: str | None = Field(None, min_length=1, description="what parts the values of a multi-valued text column")
    weights: str | None = Field(None, description="list column, or text with the same separator: a weight per value")
    pairs: str | None = Field(
        None, min_length=1, description="what stands between a value and its weight in one text: ':' in news:0.7|art:2"
    )
    pooling: Literal["sum", "mean", "weighted", "max"] | None = Field(
        None,
        description="how its vectors become one (max: column by column, of the `sequence` last); null: as "
        "hyper_parameters.pooling says",
    )
    dim: int | None = Field(
        None,
        gt=0,
        le=4096,
        description="width of its vectors, which then stand beside the fields that interact; null: "
        "sparse_feature_dim, or that of the pretrained ones",
    )
    pretrained: str | None = Field(
        None,
        description="a file of vectors to begin with, which knows values that training does not: Parquet with "
        "columns value and vector, or .npy, whose row i is that of the value i",
    )
    trainable: bool | None = Field(None, description="false: its vectors stay as they were initialised or pretrained")
    sequence: int | None = Field(None, gt=0, description="keep so many of its values, the last ones, in their order")
    shares: str | None = Field(
        None, description="another field whose ids and rows it has too: a history of items and the item"
    )
    cross: list[str] | None = Field(
        None, min_length=2, max_length=2, description="two fields, each pair of whose values is hashed to an id"
    )
    hash_size: int | None = Field(None, gt=1, description="ids by hashing; null: as data.hash_size says")
    min_count: int | None = Field(None, gt=0, description="rarer values share an id; null: as data.min_count says")
    buckets: int | None = Field(
        None, gt=1, le=1_000_000, description="cut a number into so many buckets of equal counts"
    )
    boundaries: list[float] | None = Field(
        None, min_length=1, description="cut a number at these bounds, each the first of the next bucket"
    )
    numeric: Literal["none", "standardize", "log1p", "minmax"] | None = Field(
        None,
        description="it is a number, as it is or scaled by the training rows' mean and deviation (log1p: those of "
        "log(1 + x)) or to 0 to 1; null: its values are ids",
    )
    statistic: Statistic | None = Field(
        None, description="it is a number, the past rate of its column's value; numeric null: standardize"
    )
    embed: str | dict[str, Any] | None = Field(
        None,
        description="how a number becomes a vector: none, linear, autodis or a section such as {kind: autodis, "
        "buckets: 20}; null: as hyper_parameters.number_embedding says",
    )
    missing: Literal["indicator", "mean"] | int | float = Field(
        "indicator",
        description="an empty number is the mean; indicator: and says so in a column NAME_missing; or this number",
    )

    @property
    def is_id(self) -> bool:
        """Whether it has ids, and is no number."""
        return self.numeric is None and self.statistic is None

    @property
    def weighs(self) -> bool:
        """Whether its values have weights."""
        return bool(self.weights or self.pairs)

    @property
    def cuts(self) -> bool:
        """Whether it cuts numbers into buckets, which are few and known."""
        return bool(self.buckets or self.boundaries)


OF_NETWORK = ("dim", "pretrained", "trainable", "embed")
"""Settings that no id and no label depends on."""
_OF_LISTS = ("separator", "weights", "pairs", "pooling", "sequence", "shares", "cross", "hash_size", "min_count")
_OF_IDS = (*_OF_LISTS, "buckets", "boundaries", "dim", "pretrained", "trainable")
_OF_ROWS = ("hash_size", "min_count", "dim", "pretrained", "trainable")


def contradictions(fields: Mapping[str, FieldColumn]) -> Iterator[str]:
    """What a field says that means nothing beside the rest, a line each."""
    for name, field in fields.items():
        where = f"data.fields.{name}"
        if field.buckets and field.boundaries:
            yield f"{where}: buckets and boundaries both cut the number: leave one out"
        if not field.is_id:
            what = "statistic" if field.statistic else "numeric"
            yield from (f"{where}: {key} is of ids, but {what} makes it a number" for key in _given(field, _OF_IDS))
            if field.numeric == "log1p" and not isinstance(field.missing, str) and field.missing <= -1:
                yield f"{where}.missing is {field.missing}, of which log(1 + x) is no number: give one above -1"
        else:
            of_numbers = ["missing"] * (field.missing != "indicator") + ["embed"] * (field.embed is not None)
            yield from (f"{where}: {key} is of numbers, whose numeric says how they are scaled" for key in of_numbers)
        if field.cuts:
            for key in _given(field, _OF_LISTS):
                yield f"{where}: buckets cut a single number, which has no {key}: leave one out"
        if field.boundaries and sorted(set(field.boundaries)) != field.boundaries:
            yield f"{where}.boundaries: should rise, got {field.boundaries}"
        if field.weights and field.pairs:
            yield f"{where}: weights and pairs both say where its weights are: leave one out"
        if field.pooling == "max" and not field.sequence:
            yield f"{where}: pooling max needs sequence: of how many tokens at most, the last ones"
        if field.pretrained and (field.hash_size or field.cuts or field.cross):
            yield f"{where}: pretrained vectors are of values, and hashes, buckets and crosses have none: leave it out"
        yield from _others(name, field, fields)
        if field.hash_size and field.min_count:
            yield f"{where}: min_count means nothing with hash_size, which counts no values: leave one out"


def _others(name: str, field: FieldColumn, fields: Mapping[str, FieldColumn]) -> Iterator[str]:
    """What is wrong with the fields that a field names."""
    where = f"data.fields.{name}"
    if field.shares is not None:
        other = fields.get(field.shares)
        if other is None or not other.is_id or other.shares or field.shares == name:
            yield f"{where}.shares: {field.shares} is no field with ids of its own"
        for key in _given(field, _OF_ROWS):
            yield f"{where}: {key} is that of {field.shares}, whose ids it shares: leave it out"
    if field.cross is not None:
        for each in field.cross:
            other = fields.get(each)
            if other is None or not other.is_id or other.cross or other.cuts:
                yield f"{where}.cross: {each} is no field with values"
        for key in _given(field, ("column", "separator", "weights", "pairs", "shares")):
            yield f"{where}: {key} is that of the fields that are crossed: leave it out"


def _given(field: FieldColumn, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(field, key) is not None]
