"""How one column of a table becomes a field: each of `data.fields`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FieldColumn(BaseModel):
    """How one column becomes a field: an id for each value, or one number."""

    model_config = ConfigDict(strict=True, extra="forbid")

    column: str | None = Field(None, description="the column's name, if it is not the field's")
    separator: str | None = Field(None, min_length=1, description="what parts the values of a multi-valued text column")
    weights: str | None = Field(None, description="list column, or text with the same separator: a weight per value")
    pooling: Literal["sum", "mean", "weighted"] | None = Field(
        None, description="how its vectors become one; null: as hyper_parameters.pooling says"
    )
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
    missing: Literal["indicator", "mean"] | int | float = Field(
        "indicator",
        description="an empty number is the mean; indicator: and says so in a column NAME_missing; or this number",
    )

    @property
    def is_id(self) -> bool:
        """Whether it has ids, and is no number."""
        return self.numeric is None

    @property
    def cuts(self) -> bool:
        """Whether it cuts numbers into buckets, which are few and known."""
        return bool(self.buckets or self.boundaries)


_OF_LISTS = ("separator", "weights", "pooling", "sequence", "shares", "cross", "hash_size", "min_count")
_OF_IDS = (*_OF_LISTS, "buckets", "boundaries")


def contradictions(fields: Mapping[str, FieldColumn]) -> Iterator[str]:
    """What a field says that means nothing beside the rest, a line each."""
    for name, field in fields.items():
        where = f"data.fields.{name}"
        if field.buckets and field.boundaries:
            yield f"{where}: buckets and boundaries both cut the number: leave one out"
        if not field.is_id:
            yield from (f"{where}: {key} is of ids, but numeric makes it a number" for key in _given(field, _OF_IDS))
        elif field.missing != "indicator":
            yield f"{where}: missing is of numbers, whose numeric says how they are scaled"
        if field.cuts:
            for key in _given(field, _OF_LISTS):
                yield f"{where}: buckets cut a single number, which has no {key}: leave one out"
        if field.boundaries and sorted(set(field.boundaries)) != field.boundaries:
            yield f"{where}.boundaries: should rise, got {field.boundaries}"
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
        for key in _given(field, ("hash_size", "min_count")):
            yield f"{where}: {key} is that of {field.shares}, whose ids it shares: leave it out"
    if field.cross is not None:
        for each in field.cross:
            other = fields.get(each)
            if other is None or not other.is_id or other.cross or other.cuts:
                yield f"{where}.cross: {each} is no field with values"
        for key in _given(field, ("column", "separator", "weights", "shares")):
            yield f"{where}: {key} is that of the fields that are crossed: leave it out"


def _given(field: FieldColumn, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(field, key) is not None]
