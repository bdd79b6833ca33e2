"""A config file, resolved: `base:` files merged, `-o` overrides applied, flattened to PaddleRec's dotted keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from rec.config import yaml_io
from rec.config.settings import IGNORED, RunnerSettings
from rec.config.suggest import did_you_mean
from rec.errors import UserError

SECTIONS = ("workspace", "runner", "hyper_parameters", "data", "last_epoch", "compare")


class Config(dict[str, Any]):
    """Flat dotted keys, as PaddleRec's model directories read (and write) them, plus typed runner settings.

    `config["hyper_parameters.optimizer.class"]`, `config.get("runner.epochs", 1)`; `config.runner.epochs` is typed.

    Attributes:
        path: the config file.
        model_dir: its folder, absolute; also `config["config_abs_dir"]`.
        runner: the checked runner settings.
        last_epoch: the epoch after which training goes on; -1: it begins.
        data: the `data` section as a tree, which describes a table of the user's own; None where there is none.
        shared: what one reader leaves for another, such as a vocabulary.
        problems: what is wrong so far; `check` raises them together.
        oddities: what PaddleRec passes over in silence; wrong for a model of ours, a warning for PaddleRec's.
    """

    def __init__(self, path: Path, tree: Mapping[str, Any], oddities: Iterable[str] = ()) -> None:
        super().__init__(flatten(tree))
        self.path = path
        self.model_dir = path.resolve().parent
        self["config_abs_dir"] = str(self.model_dir)
        self["yaml_path"] = str(path)
        self.data: Any = tree.get("data")
        self.shared: dict[str, Any] = {}
        self.problems: list[str] = []
        self.oddities = [
            f"{key} is not a section (expected runner or hyper_parameters){did_you_mean(key, SECTIONS)}"
            for key in tree
            if key not in SECTIONS
        ]
        self.oddities += oddities
        parents = {key: key.rpartition(".")[0] for key in self}
        self.problems += [f"{p} is a value, but there is also {key}" for key, p in parents.items() if p in self]
        self.runner = self._check_runner(tree.get("runner") or {})
        self.last_epoch = self._check_last_epoch(tree.get("last_epoch", -1))

    def _check_runner(self, given: Any) -> RunnerSettings:
        if not isinstance(given, Mapping):
            self.problems.append(f"runner should be a mapping, got {given!r}")
            return RunnerSettings()
        try:
            return RunnerSettings(**{str(key): value for key, value in given.items()})
        except ValidationError as error:
            bad = set()
            for problem in error.errors():
                key = str(problem["loc"][0])
                bad.add(key)
                self.problems.append(f"runner.{key} {_expectation(key, problem)}, got {problem['input']!r}")
            return RunnerSettings(**{str(key): value for key, value in given.items() if str(key) not in bad})

    def _check_last_epoch(self, given: Any) -> int:
        if isinstance(given, int) and not isinstance(given, bool) and given >= -1:
            return given
        self.problems.append(f"last_epoch should be the number of a trained epoch, or -1 for none, got {given!r}")
        return -1

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """`hyper_parameters` as a tree, with what the model may have written since."""
        tree: dict[str, Any] = {}
        for key, value in self.items():
            section, *names = key.split(".")
            if section != "hyper_parameters" or not names:
                continue
            node = tree
            for name in names[:-1]:
                if not isinstance(node.get(name), dict):  # a key "a.b" beside a value a, which `problems` holds
                    node[name] = {}
                node = node[name]
            node[names[-1]] = value
        return tree

    def unknown_runner_keys(self) -> list[str]:
        """Runner keys that no setting declares, each with the nearest setting's name."""
        known = list(RunnerSettings.model_fields)
        return [
            f"runner.{key} is not a setting{did_you_mean(key, known)}"
            for key in (self.runner.model_extra or {})
            if key not in known
        ]

    def probably_misspelt(self) -> list[str]:
        """Of the same, those within a letter or two of a setting: a PaddleRec model may have keys of its own."""
        known = [*RunnerSettings.model_fields, *IGNORED]
        return [
            f"runner.{key} is not a setting{hint}: left to the model"
            for key in self.runner.model_extra or {}
            if key not in known and (hint := did_you_mean(key, known, cutoff=0.9))
        ]

    def check(self, more: Iterable[str] = ()) -> None:
        """Raise all problems found so far, and `more`, as one UserError."""
        problems = [*self.problems, *more]
        if problems:
            raise UserError(f"{self.path}: " + "; ".join(problems))

    def resolve(self, folder: str) -> Path:
        """A data folder: relative to the model directory unless absolute."""
        return self.model_dir / folder

    def to_yaml(self) -> str:
        """The resolved config as YAML, defaults written out, so that a checkpoint tells what made it."""
        tree: dict[str, Any] = {"runner": self.runner.model_dump(), "hyper_parameters": self.hyper_parameters}
        if self.data is not None:
            tree["data"] = self.data
        return yaml_io.dump(tree)


def load(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """Read a config file, what it is based on, and `-o key=value` overrides.

    Raises:
        UserError: the file is missing or no YAML, or an override is not `key=value`. Wrong settings are gathered in
            `problems` instead, so that the caller can report them together with what the model finds.
    """
    oddities: list[str] = []
    return Config(Path(path), read_tree(path, overrides, oddities), oddities)


def read_tree(path: str | Path, overrides: Iterable[str] = (), oddities: list[str] | None = None) -> dict[str, Any]:
    """What `load` makes a `Config` of, as nested mappings; what is odd in the files is added to `oddities`."""
    tree = _read_with_base(Path(path), (), [] if oddities is None else oddities)
    for text in overrides:
        _override(tree, text)
    return tree


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


def _named(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, Mapping) and "name" in v for v in value)


def _read_with_base(path: Path, children: tuple[Path, ...], oddities: list[str]) -> dict[str, Any]:
    """The tree of a file over its `base:` file's, which is relative to it."""
    tree = yaml_io.read(path, oddities)
    if path.resolve() in children:
        raise UserError(f"{path}: base leads back to this file")
    base = tree.pop("base", None)
    if base is None:
        return tree
    if not isinstance(base, str):
        raise UserError(f"{path}: base should be the path of another config file, got {base!r}")
    return merge(_read_with_base(path.parent / base, (*children, path.resolve()), oddities), tree)


def merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings, those of `above` over those of `below`."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, Mapping) and not _replaces(key, old, value):
            value = merge(old, value)
        merged[key] = value
    return merged


def _replaces(key: str, below: Mapping[str, Any], above: Mapping[str, Any]) -> bool:
    """Whether a section stands for itself: behaviours are declared together, another kind has other settings."""
    return key == "behaviours" or above.get("kind", below.get("kind")) != below.get("kind")


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
        if not isinstance(child, dict):
            raise UserError(f"-o {text}: {parent} is a value ({child!r}), not a section")
        node = child
    node[name] = _typed(node.get(name), raw, text)


def _typed(old: Any, raw: str, text: str) -> Any:
    try:
        value = yaml_io.parse(raw)
    except yaml.YAMLError as error:
        raise UserError(f"-o {text}: the value is not valid YAML: {' '.join(str(error).split())}") from None
    if isinstance(old, str) and not isinstance(value, str | list | dict | None):
        return raw  # a path or name that happens to look like a number stays text
    if isinstance(old, bool) and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and value.is_integer() and isinstance(old, int) and not isinstance(old, bool):
        return int(value)  # 1e3 for an int
    return value


_KINDS = {
    "int_type": "an int",
    "bool_type": "true or false",
    "string_type": "text",
    "float_type": "a number",
    "int_from_float": "an int",
}


def _expectation(key: str, problem: Any) -> str:
    kind = _KINDS.get(problem["type"])
    if kind is None:
        return problem["msg"].replace("Input should", "should")
    optional = RunnerSettings.model_fields[key].default is None
    return f"should be {kind}" + (" or null" if optional else "")
