"""The values of a trial: drawn by a study, and put into a config."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from optuna.trial import Trial

from rec.config.tune import Range
from rec.errors import UserError

Values = dict[str, Any]
"""By setting, such as `hyper_parameters.optimizer.learning_rate`."""


def draw(trial: Trial, ranges: Mapping[str, Range]) -> None:
    """Have the study choose every setting's value."""
    for key, each in ranges.items():
        if each.choices is not None:
            trial.suggest_categorical(key, each.texts)
        elif isinstance(each.low, int) and isinstance(each.high, int):
            trial.suggest_int(key, each.low, each.high, log=each.log)
        elif each.low is not None and each.high is not None:
            trial.suggest_float(key, each.low, each.high, log=each.log)


def drawn(parameters: Mapping[str, Any], ranges: Mapping[str, Range]) -> Values:
    """What a study calls a trial's parameters, as values of settings."""
    return {key: _value(ranges[key], given) for key, given in parameters.items()}


def with_values(tree: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A config's tree with settings at these values.

    Raises:
        UserError: what a setting should stand in is a value itself.
    """
    changed = deepcopy(dict(tree))
    for key, value in values.items():
        *parents, name = key.split(".")
        node = changed
        for parent in parents:
            child = node.get(parent)
            node[parent] = {} if child is None else child  # `user:` with nothing below it
            node = node[parent]
            if not isinstance(node, dict):
                raise UserError(f"tune.ranges.{key}: {parent} is a value ({node!r}) and no section")
        node[name] = deepcopy(value)
    return changed


def _value(given: Range, parameter: Any) -> Any:
    return parameter if given.choices is None else given.choices[given.texts.index(parameter)]
