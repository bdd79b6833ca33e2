"""A search: its config file, the section that says what is searched, and the configs of trials."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rec.checkpoint.manifest import plain
from rec.config import yaml_io
from rec.config.config import Config
from rec.config.difference import difference
from rec.config.paths import make_absolute
from rec.config.tree import Source, read
from rec.config.tune import Tune
from rec.config.tune import read as read_section
from rec.data.fingerprint import fingerprint
from rec.errors import UserError
from rec.run.model import Mode
from rec.run.overwrite import DECISIVE
from rec.tune.space import Values, with_values

_ALIKE = ("epochs", "early_stop", "valid_steps", "train_data_dir", "valid_data_dir")
"""Runner settings that trials must have alike to be compared, besides those that weights depend on."""


@dataclass(frozen=True)
class Plan:
    """A search.

    Attributes:
        source: the config file, its places absolute.
        tune: its section.
        mode: graph mode of the trials.
    """

    source: Source
    tune: Tune
    mode: Mode

    @classmethod
    def load(cls, path: Path, overrides: list[str], mode: Mode) -> Plan:
        """Read a config with a tune section.

        Raises:
            UserError: there is no such section, or what is wrong with it.
        """
        source = read(path, overrides)
        tune, problems = read_section(source.tree)
        if problems:
            raise UserError(f"{path}: " + "; ".join(problems))
        if tune is None:
            raise UserError(f"{path}: has no tune section; --help tune shows one")
        make_absolute(source.tree, _folder(source))
        return cls(source, tune, mode)

    @property
    def out(self) -> Path:
        """The study's folder."""
        return Path(self.tune.out)

    def tree(self, values: Values) -> dict[str, Any]:
        """The config of a trial, its section `tune` left out."""
        rest = {name: section for name, section in self.source.tree.items() if name != "tune" and section is not None}
        return with_values(rest, values)

    def config(self, values: Values) -> Config:
        """The same, read and checked as a trainer's."""
        return Config(self.source.path, self.tree(values), self.source.warnings, self.source.model_dir)

    def trial_yaml(self, values: Values, folder: Path) -> str:
        """A config that trains in `folder` with these values, whatever becomes of the file that it is from."""
        return yaml_io.dump({"model": str(self.source.model_dir), **self._in_folder(values, folder)})

    def best_yaml(self, values: Values, folder: Path, title: str) -> str:
        """The same as what differs from the config file."""
        below = read(self.source.path).tree
        make_absolute(below, _folder(self.source))
        head = {"base": str(self.source.path.resolve()), "model": str(self.source.model_dir)}
        return f"# {title}\n{yaml_io.dump({**head, **difference(below, self._in_folder(values, folder))})}"

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What a study's trials have in common; with another of these they could not be compared.

        It reads of every data file.
        """
        tune, config = self.tune, self.config(self.first)
        runner = config.runner.model_dump()
        found: dict[str, Any] = {f"tune.{name}": getattr(tune, name) for name in ("objective", "seed", "prune")}
        found |= {f"tune.ranges.{key}": each.model_dump() for key, each in tune.ranges.items()}
        found |= {"model": str(self.source.model_dir), "--mode": self.mode}
        found |= {f"runner.{name}": runner[name] for name in (*sorted(DECISIVE), *_ALIKE)}
        for section in ("hyper_parameters", "data"):
            given = config.hyper_parameters if section == "hyper_parameters" else config.data or {}
            found |= {f"{section}.{name}": value for name, value in given.items()}
        for what, places in {"training": runner["train_data_dir"], "validation": runner["valid_data_dir"]}.items():
            if places:
                found[f"the {what} data"] = fingerprint(
                    config.places(places), "train" if what == "training" else "valid"
                )
        return plain(found)

    @property
    def first(self) -> Values:
        """A value of each setting."""
        return {key: each.ends[0] for key, each in self.tune.ranges.items()}

    def _in_folder(self, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        tree = self.tree({
            **values, "runner.model_save_path": os.path.normpath(folder.absolute()), "runner.infer_checkpoint": "best",
            "runner.best_metric": self.tune.objective,
        })  # fmt: skip
        tree["runner"].pop("infer_load_path", None)
        return tree


def _folder(source: Source) -> Path:
    return source.path.resolve().parent
