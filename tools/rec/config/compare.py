"""The `compare` section of a config file: which systems, how often, on how much of the data.

    compare:
      seeds: [1, 2, 3]
      systems:
        ESMM: {model: .}
        BASE: {rows: clicked}
        DIVISION: {division: true}

The first system is the one that the others are tested against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rec.config.wrong import check_distinct, in_words
from rec.errors import UserError

Rule = Literal["all", "clicked", "aman", "oversampling", "unbias"]


class Published(BaseModel):
    """AUCs that a paper reports."""

    model_config = ConfigDict(extra="forbid")

    cvr: float | None = Field(None, description="of CVR, on clicked impressions")
    ctcvr: float | None = Field(None, description="of CTCVR, on all impressions")


class System(BaseModel):
    """One way to estimate p(conversion | click); exactly one of `rows`, `model` and `division` says which."""

    model_config = ConfigDict(extra="forbid")

    rows: Rule | None = Field(
        None, description="a CVR net of one task, trained on the rows that this rule chooses (rec/compare/rules.py)"
    )
    model: str | None = Field(
        None, description="a model directory, relative to the config's, whose network predicts `cvr`"
    )
    division: bool = Field(False, description="p(click and conversion) of one net over p(click) of another")
    rates: list[Annotated[float, Field(gt=0)]] = Field(
        [],
        description="for rows: aman, shares of the unclicked impressions; for oversampling, numbers of copies; "
        "searched on validation data where there are several",
    )
    clip: float = Field(10.0, ge=1, description="rows: unbias lets no row count for more than so many")
    hyper_parameters: dict[str, Any] = Field({}, description="what differs from the config's")
    published: Published = Field(Published(), description="AUCs that a paper reports for it")

    @model_validator(mode="after")
    def _one_kind(self) -> System:
        if sum((self.rows is not None, self.model is not None, self.division)) != 1:
            raise ValueError("should say one of rows, model and division: true")
        if (self.rows in ("aman", "oversampling")) != bool(self.rates):
            raise ValueError("rates belong to rows: aman and rows: oversampling, and have to be given there")
        if self.rows == "aman" and max(self.rates) > 1:
            raise ValueError("rates of aman are shares, at most 1")
        if self.rows == "oversampling" and any(rate != int(rate) for rate in self.rates):
            raise ValueError("rates of oversampling are whole numbers of copies")
        return self


class Compare(BaseModel):
    """What is compared. The first system is the one that others are tested against."""

    model_config = ConfigDict(extra="forbid")

    out: str = Field("output_compare", description="folder of results and report, relative to the working directory")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(
        [1, 2, 3, 4, 5],
        min_length=1,
        description="of initial weights, order of data, and which share of it is kept: a run for each",
    )
    shares: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [1.0], min_length=1, description="of the training impressions; the table is of the largest"
    )
    valid_share: float = Field(
        0.1, gt=0, lt=1, description="of the training impressions, held out in every run to search rates on"
    )
    systems: dict[str, System] = Field(min_length=1, description="by name, what is compared")

    @model_validator(mode="after")
    def _distinct(self) -> Compare:
        check_distinct(self, "seeds", "shares")
        return self


def read(tree: Mapping[str, Any], path: object) -> Compare:
    """The section of a config's tree.

    Raises:
        UserError: it is missing, or says something wrong; all of it in one line.
    """
    section = tree.get("compare")
    if not isinstance(section, Mapping):
        raise UserError(f"{path}: has no compare section; models/multitask/esmm/paper.yaml shows one")
    try:
        return Compare(**{str(key): value for key, value in section.items()})
    except ValidationError as error:
        problems = [in_words(each, "compare", _fields(each["loc"])) for each in error.errors()]
        raise UserError(f"{path}: " + "; ".join(problems)) from None


def _fields(place: Sequence[Any]) -> Mapping[str, Any]:
    """Those of the model that a place in the section is within."""
    if place[0] != "systems":
        return Compare.model_fields
    return (Published if "published" in place[2:-1] else System).model_fields
