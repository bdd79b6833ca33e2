"""Hyper-parameters meet the things they configure: a YAML key is the name of a constructor's parameter."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_type_hints

from rec.config.suggest import did_you_mean


def parameters(target: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The named parameters of a class or function, without self; `**` stands for those of the class's base."""
    own = {
        name: parameter
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }
    base = _passed_on_to(target)
    return {**parameters(base), **own} if base else own


def hints(target: Callable[..., Any]) -> dict[str, Any]:
    """The types of the same parameters."""
    if not inspect.isclass(target):
        return get_type_hints(target, include_extras=True)
    own = get_type_hints(target.__init__, include_extras=True)
    base = _passed_on_to(target)
    return {**hints(base), **own} if base else own


def documentation(target: Callable[..., Any]) -> dict[str, str]:
    """What the docstring of a class or function says of the same parameters, under Args or Attributes."""
    base = _passed_on_to(target)
    found = documentation(base) if base else {}
    _, *sections = re.split(r"^(?:Args|Attributes):\n", inspect.getdoc(target) or "", flags=re.MULTILINE)
    for section in sections:
        block = re.split(r"\n(?=\S)", section)[0]
        for names, text in re.findall(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", block, flags=re.MULTILINE):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return {name: text for name, text in found.items() if name in parameters(target)}


def _passed_on_to(target: Any) -> Any:
    """The base of a class whose constructor takes `**`; None of anything else."""
    kinds = [parameter.kind for parameter in inspect.signature(target).parameters.values()]
    return target.__base__ if inspect.isclass(target) and inspect.Parameter.VAR_KEYWORD in kinds else None


def bind(target: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments that `values` holds for `target`; other values are left alone."""
    return {name: values[name] for name in parameters(target) if name in values}


def missing(target: Callable[..., Any], values: Mapping[str, Any], where: str) -> list[str]:
    """A line for each parameter of `target` that has no default and no value."""
    return [
        f"{where}.{name} is missing ({target.__name__} needs it){did_you_mean(name, values)}"
        for name, parameter in parameters(target).items()
        if parameter.default is parameter.empty and name not in values
    ]


def unused(values: Iterable[str], targets: Iterable[Callable[..., Any]], known: Iterable[str], where: str) -> list[str]:
    """A line for each value that no target takes, with the nearest name that one does."""
    names = [*known, *(name for target in targets for name in parameters(target))]
    return [f"{where}.{value} is not used{did_you_mean(value, names)}" for value in values if value not in names]
