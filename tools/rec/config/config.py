"""A config, resolved: read once, checked once, and only read from then on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rec.config import yaml_io
from rec.config.check import check_tree, unknown_sections
from rec.config.negatives import NEGATIVES
from rec.config.paths import DATA_FOLDERS, is_remote, remote, with_files
from rec.config.settings import RunnerSettings
from rec.config.suggest import did_you_mean
from rec.config.tree import flatten, merge, read
from rec.config.without_effect import WITHOUT_EFFECT
from rec.errors import UserError


class Config(dict[str, Any]):
    """Flat dotted keys, as PaddleRec's model directories read (and write) them, plus typed runner settings.

    `config["hyper_parameters.optimizer.class"]`, `config.get("runner.epochs", 1)`; `config.runner.epochs` is typed.
    Nothing of ours writes to it: `merged` makes another one.

    Args:
        path: the config file.
        tree: its sections as nested mappings.
        warnings: what is odd in the files.
        model_dir: the model directory; None: the config file's folder.

    Attributes:
        model_dir: the model directory, absolute; also `config["config_abs_dir"]`.
        runner: the checked runner settings.
        last_epoch: the epoch after which training goes on; -1: it begins.
        data, stream: these sections as trees; None where there is none.
        problems: what is wrong with the sections; `check` raises them.
        warnings: what PaddleRec passes over in silence; wrong for a model of ours, a warning for PaddleRec's.
    """

    def __init__(
        self, path: Path, tree: Mapping[str, Any], warnings: Sequence[str] = (), model_dir: Path | None = None
    ) -> None:
        super().__init__(flatten(tree))
        self._tree, self._warnings = tree, tuple(warnings)
        self.path, self.model_dir = path, model_dir or path.resolve().parent
        self["config_abs_dir"] = str(self.model_dir)
        self["yaml_path"] = str(path)
        self.data: Any = tree.get("data")
        self.stream: Any = tree.get("stream")
        self.runner, self.last_epoch, problems = check_tree(tree, self)
        self.problems = tuple(problems)
        self.warnings = (*unknown_sections(tree), *self._warnings)

    @property
    def describes_table(self) -> bool:
        """Whether the data are a table of the user's own: its section says more than which rows are trained on."""
        return self.data is not None and not (isinstance(self.data, Mapping) and set(self.data) == {NEGATIVES})

    def merged(self, above: Mapping[str, Any]) -> Config:
        """A config with sections, as nested mappings, over this one's."""
        return Config(self.path, merge(self._tree, above), self._warnings, self.model_dir)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """`hyper_parameters` as a tree, with what a PaddleRec model may have written since."""
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
            if key not in known and key not in WITHOUT_EFFECT
        ]

    def without_effect(self) -> list[str]:
        """A line for each setting of PaddleRec's that is asked for and means nothing here."""
        given = {**(self.runner.model_extra or {}), "thread_num": self.runner.thread_num > 1}
        return [f"runner.{key} has no effect: {why}" for key, why in WITHOUT_EFFECT.items() if given.get(key)]

    def probably_misspelt(self) -> list[str]:
        """Of the same, those within a letter or two of a setting: a PaddleRec model may have keys of its own."""
        known = [*RunnerSettings.model_fields, *WITHOUT_EFFECT]
        return [
            f"runner.{key} is not a setting{hint}: left to the model"
            for key in self.runner.model_extra or {}
            if key not in known and (hint := did_you_mean(key, known, cutoff=0.9))
        ]

    def check(self, more: Iterable[str] = ()) -> None:
        """Raise all problems of the sections, and `more`, as one UserError."""
        problems = dict.fromkeys([*self.problems, *more])  # `more` may tell them too
        if problems:
            raise UserError(f"{self.path}: " + "; ".join(problems))

    def resolve(self, folder: str) -> Path:
        """A data folder: relative to the model directory unless absolute, or in an object store."""
        return remote(folder) if is_remote(folder) else self.model_dir / folder

    def places(self, given: str | list[str] | None) -> list[Path]:
        """A part's data: folders, of tables files and patterns too."""
        return [self.resolve(each) for each in ([given or ""] if isinstance(given, str | None) else given)]

    def to_yaml(self) -> str:
        """The resolved config as YAML: it tells what made a checkpoint, and can be given to -m wherever it lies."""
        runner = self.runner.model_dump()
        for name in DATA_FOLDERS:
            if runner[name]:
                places = [os.path.normpath(place) for place in self.places(runner[name])]
                runner[name] = places if isinstance(runner[name], list) else places[0]
        tree: dict[str, Any] = {"model": str(self.model_dir), "runner": runner}
        tree["hyper_parameters"] = self.hyper_parameters
        if self.data is not None:
            tree["data"] = with_files(self.data, self.model_dir)
        return yaml_io.dump(tree)


def load(path: str | Path, overrides: Iterable[str] = ()) -> Config:
    """The config of a file, what it is based on, and `-o key=value` overrides.

    Raises:
        UserError: a file is missing or no YAML, or an override is not `key=value`. Wrong settings are gathered in
            `problems` instead, so that the caller can report them together with what the model finds.
    """
    source = read(path, overrides)
    return Config(source.path, source.tree, source.warnings, source.model_dir)
