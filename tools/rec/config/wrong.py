"""What pydantic finds wrong with a section of a config file, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rec.config.suggest import did_you_mean


def in_words(problem: Any, section: str, known: Mapping[str, Any]) -> str:
    """A problem in one line.

    Args:
        problem: one of pydantic's `ValidationError.errors()`.
        section: whose it is, such as `stream`.
        known: the fields of the model that it is within, `model_fields`.
    """
    place = ".".join([section, *(str(part) for part in problem["loc"] if part not in ("int", "float", "str"))])
    if problem["type"] == "extra_forbidden":
        return f"{place} is not a setting{did_you_mean(problem['loc'][-1], known)}"
    if problem["type"] == "missing":
        field = known.get(str(problem["loc"][-1]))
        return f"{place} is missing" + (f": {field.description}" if field and field.description else "")
    message = problem["msg"].replace("Value error, ", "").replace("Input should", "should")
    return f"{place}: {message}" + ("" if problem["type"] == "value_error" else f", got {problem['input']!r}")


def check_distinct(section: Any, *names: str) -> None:
    """Raise ValueError where a section's list has a value twice."""
    for name in names:
        values = section.model_dump()[name] or []
        if len(set(values)) < len(values):
            raise ValueError(f"{name} should be distinct, got {values}")
