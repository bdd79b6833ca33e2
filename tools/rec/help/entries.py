"""Settings as `--help` shows them: name, type, default, meaning."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from rec.config.bind import documentation, hints, parameters

_NONE: Mapping[str, str] = {}


def of_model(model: type[BaseModel], indent: int = 2) -> list[str]:
    """The settings of a pydantic model, in its order."""
    lines: list[str] = []
    for name, field in model.model_fields.items():
        kind = shown_type(field.annotation, _limits(field.metadata))
        default = field.get_default(call_default_factory=True)
        required = default is PydanticUndefined
        lines += entry(name, kind, "required" if required else shown_value(default), field.description or "", indent)
    return lines


def of_callable(
    target: Callable[..., Any], indent: int = 2, without: Collection[str] = (), derived: Mapping[str, str] = _NONE
) -> list[str]:
    """The parameters of a constructor, as its docstring explains them; `derived`: what others follow from."""
    types, texts = hints(target), documentation(target)
    lines: list[str] = []
    for name, parameter in parameters(target).items():
        if name not in without:
            kind = shown_type(types[name]) if name in types else "any"
            text = texts.get(name, "").replace("None", "null").replace("False", "false").replace("True", "true")
            lines += entry(name, kind, derived.get(name) or shown_default(parameter), text, indent)
    return lines


def entry(name: str, kind: str, default: str, meaning: str, indent: int = 2) -> list[str]:
    """One setting: a line, and its meaning below."""
    margin = " " * (indent + 4)
    wrapped = textwrap.wrap(meaning, 104 - indent, initial_indent=margin, subsequent_indent=margin)
    return [f"{' ' * indent}{name}: {kind} [{default}]", *wrapped]


def heading(title: str, target: object, indent: int = 0) -> list[str]:
    """A title and the first paragraph of a docstring."""
    text = (inspect.getdoc(target) or "").split("\n\n")[0]
    margin = " " * indent
    return textwrap.wrap(f"{title} {text}", 110, initial_indent=margin, subsequent_indent=margin + "    ")


def shown_type(annotation: Any, limits: str = "") -> str:
    """A type in the words of a config: `int > 0 or null`, `one of sum, mean`, `list of float`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return shown_type(inner[0], _limits(inner[1:]))
    if origin is Literal:
        return "one of " + ", ".join(map(str, inner))
    if origin in (Union, UnionType):
        if set(inner) == {int, float}:
            return "number" + limits
        return " or ".join(shown_type(each, limits) for each in inner)
    if origin in (list, tuple, Sequence):  # its own limits are of its length
        return f"list of {shown_type(inner[0])}"
    if annotation is NoneType:
        return "null"
    if origin in (dict, Mapping) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "section"
    return annotation.__name__ + limits if isinstance(annotation, type) else "any"


def shown_default(parameter: inspect.Parameter) -> str:
    """A parameter's default in the words of a config."""
    return "required" if parameter.default is parameter.empty else shown_value(parameter.default)


def shown_value(default: Any) -> str:
    """A default in the words of a config."""
    if isinstance(default, BaseModel):
        return "{}"
    if isinstance(default, Mapping):
        return "{" + ", ".join(f"{name}: {value}" for name, value in default.items()) + "}"
    if isinstance(default, list | tuple):
        return "[" + ", ".join(map(str, default)) + "]"
    return "null" if default is None else str(default).lower() if isinstance(default, bool) else repr(default)


def _limits(metadata: Sequence[Any]) -> str:
    return "".join(f" {sign} {bound}" for each in metadata for sign, bound in _bounds(each))


def _bounds(given: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(given, FieldInfo):
        for each in given.metadata:
            yield from _bounds(each)
    elif isinstance(given, Gt):
        yield ">", given.gt
    elif isinstance(given, Ge):
        yield ">=", given.ge
    elif isinstance(given, Lt):
        yield "<", given.lt
    elif isinstance(given, Le):
        yield "<=", given.le
