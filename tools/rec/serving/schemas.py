"""What requests and answers hold, as OpenAPI says it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Row = dict[str, Any]

Weight = Annotated[float | None, Field(ge=-100, le=100, allow_inf_nan=False, strict=True)]


class Error(BaseModel):
    """Why a request has no other answer."""

    error: str = Field(description="what is wrong, and where: rows and candidates are counted from 1")


class RankRequest(BaseModel):
    """A user and the candidates that are to be put in order, in raw values by column."""

    model_config = ConfigDict(extra="forbid")

    user: Row = Field({}, description="what all candidates have, by column", examples=[{"user_id": 42}])
    candidates: list[Row] = Field(
        description="what each has, by column; a list where there are several values",
        examples=[[{"item_id": "i7", "tags": ["t1", "t2"], "price": 9.5}, {"item_id": "i8"}]],
    )
    a: Weight = Field(None, description="of pctr^a pcvr^b price^c, default 1; without all three: the model's formula")
    b: Weight = Field(None, description="the same, default 1")
    c: Weight = Field(None, description="the same, default 0; candidates then need a column price")

    @property
    def weights(self) -> dict[str, float]:
        """Those that are given."""
        given = {"a": self.a, "b": self.b, "c": self.c}
        return {name: value for name, value in given.items() if value is not None}


class Ranked(BaseModel):
    """A candidate in its place."""

    candidate: int = Field(description="its place in the request, from 0")
    score: float = Field(description="what the formula says of it")
    predictions: dict[str, float] = Field(description="by name, such as pctr, pcvr and pctcvr")


class RankAnswer(BaseModel):
    """The candidates, the best first."""

    ranking: list[Ranked]
    formula: str = Field(description="what they are ranked by", examples=["pctr^1 * pcvr^1"])
    version: str = Field(description="of the model")


class ScoreRequest(BaseModel):
    """Rows in raw values by column."""

    model_config = ConfigDict(extra="forbid")

    rows: list[Row] = Field(examples=[[{"user_id": 42, "item_id": "i7"}]])


class ScoreAnswer(BaseModel):
    """Predictions of the rows, in their order."""

    predictions: dict[str, list[float]] = Field(description="by name, such as pctr, pcvr and pctcvr")
    version: str = Field(description="of the model")


class Ready(BaseModel):
    """Whether requests may come."""

    ready: bool
    version: str = Field(description="of the model")
    refused: str = Field(description="why a newer export was not taken; empty: none was refused")


class Model(BaseModel):
    """The model that answers."""

    model: str
    version: str
    epoch: int | None
    step: int | None
    columns: list[str] = Field(description="that a row may have")
    user_columns: list[str] = Field(description="those that are read once for all candidates")
    outputs: dict[str, str] = Field(description="what each prediction is")
    formula: str
    max_candidates: int
    example: RankRequest = Field(description="a request with values that the model knows")
