"""How our models and readers read `hyper_parameters`: by the names of constructor parameters, checked first."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pydantic

from rec.config.bind import bind, hints, missing, parameters, unused
from rec.config.config import Config
from rec.config.gating import not_priors
from rec.config.interaction import attended
from rec.config.negatives import NEGATIVES, not_exact
from rec.config.schedule import schedule_of
from rec.config.suggest import did_you_mean

SECTIONS = ("optimizer", "table_optimizer")
"""Hyper-parameters that are sections of their own."""

DIMS = "field_dims"
"""Derived: widths of the fields whose vectors have another than `sparse_feature_dim`, by name."""

EMBEDDINGS = "number_embeddings"
"""Derived: how numbers become vectors, by name in their order, where a field says so; None where it does not."""

NUMBERS = ("learning_rate", "beta1", "beta2", "epsilon", "momentum", "rho", "initial_accumulator_value", "weight_decay")
"""What an optimizer's section may set, besides its class."""

MORE = {"optimizer": ("clip_norm", "clip_value", "ema", "accumulate"), "table_optimizer": ("l2", "weight_decay")}
"""What each may set whatever its class."""


def build(target: Callable[..., Any], config: Config) -> Any:
    """Call `target` with the hyper-parameters it names; `check` has found them complete."""
    return target(**bind(target, config.hyper_parameters))


@dataclass(frozen=True)
class Declared:
    """What another section says of the fields.

    Attributes:
        fields: those that have ids.
        dims: widths of the fields that say one.
        numbers: columns of those that are numbers, and how each becomes a vector, if its field says so.
    """

    fields: Sequence[str]
    dims: Mapping[str, int] = dataclasses.field(default_factory=dict)
    numbers: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def complete(config: Config, targets: Sequence[Callable[..., Any]], declared: Declared | None = None) -> Config:
    """A config that also says the targets' defaults, `num_field` and, where there are any, `num_number`,
    `field_dims`, the widths of fields that have another than `sparse_feature_dim`, and `number_embeddings`.

    Args:
        config: as it was read.
        targets: what the hyper-parameters configure.
        declared: the fields, where another section declares them.
    """
    given = config.hyper_parameters
    defaults = {
        name: parameter.default
        for target in targets
        for name, parameter in parameters(target).items()
        if name not in given and parameter.default is not parameter.empty
    }
    if declared is not None:
        own = given.get("sparse_feature_dim")
        others = {name: dim for name, dim in declared.dims.items() if dim != own}
        defaults |= {"fields": list(declared.fields), "num_field": _alike(declared.fields, {**given, DIMS: others})}
        embeds = dict(declared.numbers) if any(declared.numbers.values()) else {}
        for name, value in {"num_number": len(declared.numbers), DIMS: others, EMBEDDINGS: embeds}.items():
            if value or name in given:
                defaults[name] = value
    known = given.get("fields", defaults.get("fields"))
    if "num_field" not in {**given, **defaults} and isinstance(known, list | tuple):
        defaults["num_field"] = _alike(known, given)
    return config.merged({"hyper_parameters": defaults})


def check(config: Config, targets: Sequence[Callable[..., Any]]) -> list[str]:
    """What is missing, of a wrong type, or used by none of the targets, a line each."""
    values = config.hyper_parameters
    where = "hyper_parameters"
    problems: list[str] = []
    for target in targets:
        problems += missing(target, values, where)
        problems += wrong_types(target, values, where)
    problems += unused(values, targets, [*SECTIONS, "num_number", DIMS, EMBEDDINGS, NEGATIVES], where)
    problems += not_exact(values, targets[0])
    if values.get(DIMS) and not any(DIMS in parameters(target) for target in targets):
        problems.append(
            f"data.fields.{next(iter(values[DIMS]))}: {targets[0].__name__} sees fields of one width: give its "
            f"constructor {DIMS}, or leave dim out"
        )
    if values.get(EMBEDDINGS) and not any(EMBEDDINGS in parameters(target) for target in targets):
        named = next(name for name, section in values[EMBEDDINGS].items() if section)
        problems.append(
            f"data.fields.{named}: {targets[0].__name__} makes no vectors of numbers: give its constructor "
            f"{EMBEDDINGS}, or leave embed out"
        )
    if values.get("num_number") and not any("num_number" in parameters(target) for target in targets):
        problems.append(
            f"{where}.num_number is {values['num_number']}, for so many numbers the data has, and "
            f"{targets[0].__name__} sees none: give its constructor num_number, or cut them into buckets in data.fields"
        )
    fields = values.get("fields")
    if isinstance(fields, list | tuple):
        queries = attended(values).queries
        problems += [
            f"{where}.interaction.attend: {name} is not among the fields: {', '.join(map(str, fields))}"
            for pair in queries.items()
            for name in pair
            if name not in map(str, fields)
        ]
        problems += [
            f"{where}.interaction.attend: {query} asks {history} and is itself a history that is asked; name a field "
            "of one vector, such as the item's"
            for history, query in queries.items()
            if query in queries
        ]
        problems += [
            f"{where}.interaction.attend: {name} has vectors of width {values[DIMS][name]}, and attention is over "
            f"those of sparse_feature_dim, {values.get('sparse_feature_dim')}: leave its dim out"
            for name in dict.fromkeys(name for pair in queries.items() for name in pair)
            if name in (values.get(DIMS) or {})
        ]
        problems += not_priors(values, [*map(str, fields)])
        if values.get("num_field") != _alike(fields, values):
            problems.append(
                f"{where}.num_field is {values['num_field']}, but {where}.fields lists {_alike(fields, values)} fields"
            )
    return list(dict.fromkeys(problems))


def _alike(fields: Sequence[Any], values: Mapping[str, Any]) -> int:
    """How many fields are one vector of `sparse_feature_dim`, and no histories that are attended over."""
    return sum(str(name) not in {**attended(values).queries, **(values.get(DIMS) or {})} for name in fields)


def check_section(config: Config, section: str, kinds: Mapping[str, Callable[..., Any]]) -> list[str]:
    """What is wrong with an optimizer's section, `{class: ..., learning_rate: ...}`, whose class is one of `kinds`."""
    given = config.hyper_parameters.get(section)
    where = f"hyper_parameters.{section}"
    if not isinstance(given, Mapping):
        return [f"{where} should be a section such as {{class: Adam, learning_rate: 0.001}}, got {given!r}"]
    values = dict(given)
    name = values.pop("class", None)
    if not isinstance(name, str) or name not in kinds:
        return [f"{where}.class should be one of {', '.join(kinds)}, got {name!r}{did_you_mean(name, kinds)}"]
    target = kinds[name]
    values.pop("strategy", None)  # PaddleRec's, for parameter servers
    known = [*(key for key in parameters(target) if key in NUMBERS), *MORE[section]]
    problems = missing(target, values, where)
    for key, value in values.items():
        if key not in known:
            problems.append(f"{where}.{key} is not a setting of {name}{did_you_mean(key, known)}")
        elif key == "learning_rate" and isinstance(value, Mapping):
            try:
                schedule_of(value)
            except ValueError as error:
                problems.append(f"{where}.learning_rate.{error}")
        elif key == "ema" and not (isinstance(value, float) and 0 < value < 1):
            problems.append(f"{where}.ema should be a decay between 0 and 1 such as 0.999, got {value!r}")
        elif key == "accumulate" and not (type(value) is int and value > 0):
            problems.append(f"{where}.accumulate should be how many batches make an update, 1 or more, got {value!r}")
        elif key in (*MORE["optimizer"], "epsilon") and value == 0:
            why = "without it a gradient of 0 is divided by 0" if key == "epsilon" else "leave it out to clip nothing"
            problems.append(f"{where}.{key} should be above 0, got {value!r}: {why}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            problems.append(f"{where}.{key} should be a number not below 0, got {value!r}")
    return problems


def wrong_types(target: Callable[..., Any], values: Mapping[str, Any], where: str) -> list[str]:
    """A line for each value that is not what `target` declares of its parameter."""
    types = hints(target)
    problems = []
    for name, value in bind(target, values).items():
        if name not in types:
            continue
        try:
            pydantic.TypeAdapter(types[name]).validate_python(value, strict=True)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            if name == EMBEDDINGS and first["loc"]:  # it was said of a field
                where, name = f"data.fields.{first['loc'][0]}", "embed"
            if first["type"] == "value_error":  # a validator of ours, which has said it all
                problems.append(f"{where}.{name}: {first['ctx']['error']}")
                continue
            place = "".join(f"[{part}]" for part in first["loc"] if isinstance(part, int))
            expected = first["msg"].replace("Input should be", "should be")
            problems.append(f"{where}.{name}{place}: {expected}, got {first['input']!r}")
    return problems
