"""The `stream` section of a config file: when clicks and conversions came, and what is trained on them as they come.

stream:
  click_time: clicked_at
  conversion_time: bought_at
  attribution_days: 7
  start: "2026-05-15"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rec.config.wrong import check_distinct, in_words
from rec.errors import UserError

StreamName = Literal[
    "pretrain", "oracle", "vanilla", "vanilla_win", "fnw", "fnc", "dfm", "fsiw", "es_dfm", "defer", "defuse",
    "bi_defuse", "ulc", "esdf",
]  # fmt: skip


class StreamSettings(BaseModel):
    """`stream.*` of a config file. Columns of times hold timestamps, texts of these, or numbers of seconds."""

    model_config = ConfigDict(strict=True, extra="forbid")

    click_time: str = Field(description="column of when each click came")
    conversion_time: str = Field(description="column of when its conversion came; empty: not, or not yet")
    clicked: str | None = Field(
        None, description="column that is 1 where a row was clicked; null: every row was; esdf takes the others too"
    )
    attribution_days: float | int = Field(gt=0, description="a conversion counts so many days after its click at most")
    start: str | float | int = Field(
        description="the first hour that is tested on: a day such as '2026-05-15', a day and time, or a number of "
        "seconds; before it models are pretrained"
    )
    until: str | float | int | None = Field(
        None, description="the end of the last hour that is tested on; null: as far as the table tells all outcomes"
    )
    known_until: str | float | int | None = Field(
        None, description="when the table was written, so that it tells of no later conversion; null: its last time"
    )
    wait_hours: float | int = Field(0.25, ge=0, description="how long methods that wait for a conversion do")
    retrain_hours: int = Field(
        24, gt=0, description="how often methods that learn from the log as it stands (dfm, fsiw, ulc, esdf) do"
    )
    methods: list[StreamName] = Field(list(StreamName.__args__), min_length=1, description="what is trained")  # type: ignore[attr-defined]
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, min_length=1, description="a run of each method for each; null: runner.seed"
    )
    truth: str | None = Field(
        None, description="column of the probabilities that simulated labels were drawn with; nothing is trained on it"
    )
    save_hours: int = Field(24, gt=0, description="a checkpoint after so many hours of the log")

    @model_validator(mode="after")
    def _distinct(self) -> StreamSettings:
        check_distinct(self, "methods", "seeds")
        return self


def read_stream(tree: Mapping[str, Any], path: object) -> StreamSettings:
    """The section of a config's tree.

    Raises:
        UserError: it is missing, or says something wrong; all of it in one line.
    """
    section = tree.get("stream")
    if not isinstance(section, Mapping):
        raise UserError(f"{path}: has no stream section, which names the columns of times (docs/delayed-feedback.md)")
    try:
        return StreamSettings(**{str(key): value for key, value in section.items()})
    except ValidationError as error:
        fields = StreamSettings.model_fields
        raise UserError(f"{path}: " + "; ".join(in_words(each, "stream", fields) for each in error.errors())) from None
