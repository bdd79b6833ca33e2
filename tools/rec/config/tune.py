"""The `tune` section of a config file: which settings are searched, for how long, and what is best.

    tune:
      objective: auc_ctcvr
      budget: {trials: 30, seconds: 3600}
      ranges:
        hyper_parameters.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}
        hyper_parameters.ctr_fc_sizes: {choices: [[64, 32], [128, 64]]}
        runner.train_batch_size: {choices: [128, 256]}

Only tools/tune.py reads it. Each trial is a training; the objective is its best validation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rec.config.settings import RunnerSettings
from rec.config.suggest import did_you_mean
from rec.config.wrong import in_words


class Range(BaseModel):
    """The values of a setting: `low` and `high`, or `choices`."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    low: int | float | None = Field(None, description="the least; of whole numbers where both ends are, as in 8 and 64")
    high: int | float | None = Field(None, description="the greatest")
    log: bool = Field(False, description="as much is tried between 0.001 and 0.01 as between 0.01 and 0.1")
    choices: list[Any] | None = Field(None, min_length=2, description="anything that the setting may be, null too")

    @model_validator(mode="after")
    def _one_kind(self) -> Range:
        if (self.choices is None) == (self.low is None or self.high is None) or (self.choices and self.log):
            raise ValueError("should be {low: ..., high: ..., log: true or false}, or {choices: [...]}")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low should be below high, got {self.low} and {self.high}")
        if self.log and self.low is not None and self.low <= 0:
            raise ValueError(f"log: true needs low above 0, got {self.low}")
        if len(set(self.texts)) < len(self.texts):
            raise ValueError(f"choices should be distinct, got {self.choices}")
        return self

    @property
    def texts(self) -> list[str]:
        """The choices as JSON, which a study keeps."""
        return [json.dumps(choice, default=str) for choice in self.choices or []]

    @property
    def ends(self) -> list[Any]:
        """Values that tell whether the others are allowed: both ends, or every choice."""
        return list(self.choices) if self.choices is not None else [self.low, self.high]


class Budget(BaseModel):
    """When the search ends. A study that is over goes on with a larger one."""

    model_config = ConfigDict(strict=True, extra="forbid")

    trials: int = Field(30, gt=0, description="so many, those that failed or were pruned among them")
    seconds: int | float | None = Field(None, gt=0, description="no trial begins after so many seconds of searching")


class Tune(BaseModel):
    """What is searched."""

    model_config = ConfigDict(strict=True, extra="forbid")

    out: str = Field("output_tune", description="folder of the study and its trials, relative to the working directory")
    objective: str = Field(description="the validation metric, e.g. auc_ctcvr; of an error the lowest is the best")
    ranges: dict[str, Range] = Field(min_length=1, description="by setting, the values that are tried")
    budget: Budget = Field(Budget(), description="when the search ends")
    seed: int = Field(0, ge=0, description="of the values that are tried; runner.seed is every trial's own")
    prune: bool = Field(
        True,
        description="end a trial whose best validation so far is below the median, at this epoch, of those that were "
        "trained to their end; the first five are",
    )
    processes: int = Field(1, gt=0, description="trials at a time, each with its share of the cores")

    @field_validator("ranges", mode="before")
    @classmethod
    def _dotted(cls, given: Any) -> Any:
        return _by_dotted_key(given, "") if isinstance(given, Mapping) else given


def read(tree: Mapping[str, Any]) -> tuple[Tune | None, list[str]]:
    """The section of a config's tree, None where there is none or it is wrong, and what is wrong, a line each."""
    if "tune" not in tree:
        return None, []
    section = tree["tune"]
    if not isinstance(section, Mapping):
        return None, [f"tune should be a section such as {{objective: auc_ctcvr, ranges: ...}}, got {section!r}"]
    try:
        tune = Tune(**{str(key): value for key, value in section.items()})
    except ValidationError as error:
        return None, list(dict.fromkeys(map(_said, error.errors())))
    problems = [problem for key in tune.ranges if (problem := _wrong_key(key))]
    problems += [
        f"tune.ranges.{inner} is a part of {outer}, which has a range too: leave one out, or write it into the other"
        for outer in tune.ranges
        for inner in tune.ranges
        if inner.startswith(f"{outer}.")
    ]
    return (None if problems else tune), problems


def _by_dotted_key(given: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Ranges by whole keys, whether they were given so or as sections within each other."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and not value.keys() & Range.model_fields.keys():
            found |= _by_dotted_key(value, f"{name}.")
        else:
            found[name] = value
    return found


def _wrong_key(key: str) -> str | None:
    """What is wrong with the name of a setting; whether a network takes it, only that knows."""
    section, _, name = key.partition(".")
    sections = ("runner", "hyper_parameters", "data")
    if section not in sections or not name:
        hint = did_you_mean(section, sections)
        return f"tune.ranges.{key}: expected a setting within {', '.join(sections)}{hint}"
    known = RunnerSettings.model_fields
    if section == "runner" and name.partition(".")[0] not in known:
        return f"tune.ranges.{key}: runner.{name} is not a setting{did_you_mean(name, known)}"
    return None


def _said(problem: Any) -> str:
    first = str(problem["loc"][0])
    if problem["type"] == "model_type":
        such = "{trials: 30}" if first == "budget" else "{low: 1, high: 8} or {choices: [...]}"
        place = ".".join(["tune", *map(str, problem["loc"])])
        return f"{place} should be a section such as {such}, got {problem['input']!r}"
    models: dict[str, type[BaseModel]] = {"ranges": Range, "budget": Budget}
    return in_words(problem, "tune", models.get(first, Tune).model_fields)
