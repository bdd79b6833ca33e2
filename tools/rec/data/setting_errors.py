"""What pydantic finds wrong with a `data` section, in words."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_core import ErrorDetails

from rec.config.suggest import did_you_mean


def in_words(problem: ErrorDetails, names: Sequence[str]) -> str:
    """A problem in one line; `names`: of all settings, of which a misspelt one may be meant."""
    place, given = ".".join(["data", *map(str, problem["loc"])]).removesuffix(".[key]"), problem["input"]
    if problem["type"] == "missing":
        return f"{place}: {problem['msg']}"
    messages = {
        "extra_forbidden": f"is not a setting{did_you_mean(problem['loc'][-1], names)}",
        "dict_type": "should be a mapping such as {click: clicked} (of fields {user: , item: })",
        "model_type": "should be nothing, or a mapping such as {separator: '|'}",
        "string_type": "should be a text (if a number is a column's name: in quotes)",
    }
    return f"{place}: {messages.get(problem['type'], problem['msg'])}, got {given!r}"
