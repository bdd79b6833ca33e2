"""What `runner.calibration` may say."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SHRINKAGE = 100


class CalibrationSettings(BaseModel):
    """How predictions are corrected after training; a word alone is the kind."""

    model_config = ConfigDict(strict=True, extra="forbid")

    kind: Literal["platt", "isotonic"] = Field(
        description="platt: a line on the logit; isotonic: the rising curve that fits best, from 1,000 positives on"
    )
    by: str | None = Field(
        None, description="a field: a fit for each of its values, mixed with the fit to all rows; null: that one alone"
    )
    shrinkage: int | float = Field(
        SHRINKAGE,
        gt=0,
        description="with `by`, a value's own fit has the share n / (n + shrinkage), n its rows of the rarer label",
    )

    @model_validator(mode="before")
    @classmethod
    def _word(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _has_effect(self) -> Self:
        if self.by is None and self.shrinkage != SHRINKAGE:
            raise ValueError("shrinkage is of the fits by a field: name one with by, or leave it out")
        return self


def none_or(given: Any) -> Any:
    """`calibration: none` as null."""
    return None if given == "none" else given
