"""The runner's settings of several processes, which paddle.distributed.launch starts."""

from typing import Literal

from pydantic import BaseModel, Field


class LaunchedSettings(BaseModel):
    """Part of `runner.*`."""

    table: Literal["replicated", "sharded"] = Field(
        "replicated",
        description="where several processes train one model: each has the whole embedding table, or each has some of "
        "its rows with their optimizer's state",
    )
    rank_timeout: int | float = Field(
        60, gt=0, description="seconds after which a process that gives no sign of life ends the others"
    )
