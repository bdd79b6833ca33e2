"""`runner.early_stop`."""

from pydantic import BaseModel, ConfigDict, Field


class EarlyStop(BaseModel):
    """Ends training where validations no longer get better."""

    model_config = ConfigDict(strict=True, extra="forbid")

    metric: str = Field(description="the validation metric, e.g. auc_ctcvr; of an error the lowest is the best")
    patience: int = Field(2, gt=0, description="so many validations in a row that are not better end it")
    min_delta: int | float = Field(0, ge=0, description="what is better by no more than this is not better")
