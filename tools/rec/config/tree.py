"""A config file as nested mappings: `base:` files merged below it, `-o` overrides applied, paths made whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rec.config import yaml_io
from rec.config.paths import make_absolute
from rec.errors import UserError

DROP = "~drop"
"""The value of a key that is inherited from a base file and is to be gone."""


@dataclass
class Source:
    """What the files of a config say.

    Attributes:
        path: the config file.
        model_dir: the model directory, absolute: what `model:` names, or the folder of the config file.
        tree: sections as nested mappings, without `base` and `model`.
        warnings: what is odd in the files, such as a key given twice.
    """

    path: Path
    model_dir: Path
    tree: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def read(path: str | Path, overrides: Iterable[str] = ()) -> Source:
    """Read a config file, what it is based on, and `-o key=value` overrides.

    A data folder is relative to the file that names it; one that `-o` names, to the config file.

    Raises:
        UserError: a file is missing or no YAML, or an override is not `key=value`.
    """
    file = Path(path)
    warnings: list[str] = []
    tree = _with_base(file, (), warnings)
    for text in overrides:
        _override(tree, text)
    folder = file.resolve().parent
    model_dir = _model_dir(file, folder, tree.pop("model", None))
    if model_dir != folder:
        make_absolute(tree, folder)
    return Source(file, model_dir, tree, warnings)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings, those of `above` over those of `below`; a key whose value is `~drop` is left out."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if value == DROP:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            inherited = old if isinstance(old, Mapping) and not replaces(key, old, value) else {}
            merged[key] = merge(inherited, value)
        else:
            merged[key] = value
    return merged


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` to `{"a.b": 1}`. Under `runner` a list of mappings with a `name` is flattened by that name."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:  # an empty one is a value
            flat.update(flatten(value, name + "."))
        elif name.startswith("runner") and _named(value):
            for entry in value:
                flat.update(flatten(entry, f"{name}.{entry['name']}."))
        else:
            flat[name] = value
    return flat


def _with_base(path: Path, children: tuple[Path, ...], warnings: list[str]) -> dict[str, Any]:
    """The tree of a file over those of its `base:` files, which are relative to it, each over the ones before it."""
    tree = yaml_io.read(path, warnings)
    if path.resolve() in children:
        raise UserError(f"{path}: base leads back to this file")
    base = tree.pop("base", None)
    bases = base if isinstance(base, list) else [] if base is None else [base]
    below: dict[str, Any] = {}
    for name in bases:
        if not isinstance(name, str):
            raise UserError(f"{path}: base should be the path of another config file, or a list of such, got {base!r}")
        file = path.parent / name
        inherited = _with_base(file, (*children, path.resolve()), warnings)
        if file.resolve().parent != path.resolve().parent:
            make_absolute(inherited, file.resolve().parent)
        below = merge(below, inherited)
    if isinstance(tree.get("model"), str):
        tree["model"] = str(path.resolve().parent / tree["model"])
    _check_dropped(tree, below, path, "")
    return merge(below, tree)


def _check_dropped(tree: Mapping[str, Any], below: Any, path: Path, prefix: str) -> None:
    for key, value in tree.items():
        inherited = below.get(key) if isinstance(below, Mapping) else None
        if value == DROP and not (isinstance(below, Mapping) and key in below):
            raise UserError(f"{path}: {prefix}{key}: {DROP}, but nothing of that name is inherited")
        if isinstance(value, Mapping):
            _check_dropped(value, inherited, path, f"{prefix}{key}.")


def _model_dir(path: Path, folder: Path, given: Any) -> Path:
    if given is None:
        return folder
    if not isinstance(given, str):
        raise UserError(f"{path}: model should be the path of a model directory, got {given!r}")
    directory = (folder / given).resolve()
    if not directory.is_dir():
        raise UserError(f"{path}: model: {directory} is no directory")
    return directory


def replaces(key: str, below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Whether a section stands for itself: behaviours and attended fields are declared together, another kind has
    other settings."""
    return key in ("behaviours", "attend") or above.get("kind", below.get("kind")) != below.get("kind")


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) and "name" in v for v in value)


def _override(tree: dict[str, Any], text: str) -> None:
    """Apply one `dotted.key=value`; the value is YAML, read as the type that stands there already."""
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UserError(f"-o {text}: expected key=value, for example -o runner.epochs=2")
    *parents, name = key.split(".")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if child is None:  # `fields:` with nothing below it
            child = node[parent] = {}
        if not isinstance(child, dict):
            raise UserError(f"-o {text}: {parent} is a value ({child!r}), not a section")
        node = child
    if raw.strip() != DROP:
        node[name] = _typed(node.get(name), raw, text)
    elif node.pop(name, DROP) == DROP:
        raise UserError(f"-o {text}: nothing of that name is in the config")


def _typed(old: Any, raw: str, text: str) -> Any:
    try:
        value = yaml_io.parse(raw)
    except yaml.YAMLError as error:
        raise UserError(f"-o {text}: the value is not valid YAML: {' '.join(str(error).split())}") from None
    if isinstance(old, str) and not isinstance(value, str | list | dict | None):
        return raw  # a path or name that happens to look like a number stays text
    if isinstance(value, str) and " #" in raw and raw.strip()[0] not in "'\"":
        return raw.strip()  # one line has no comment
    if isinstance(old, bool) and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and value.is_integer() and isinstance(old, int) and not isinstance(old, bool):
        return int(value)  # 1e3 for an int
    return value
