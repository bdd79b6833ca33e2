"""A comparison as its config file says it, and each system's config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rec.config.compare import Compare, System
from rec.config.compare import read as read_section
from rec.config.config import Config
from rec.config.negatives import NEGATIVES
from rec.config.paths import joined
from rec.config.tree import Source, merge, read
from rec.config.without_effect import warn_of
from rec.errors import UserError
from rec.run.parts import asked_for

RANDOM = "random"
"""The part of the test impressions that were chosen at random."""

Target: TypeAlias = Literal["ctr", "cvr", "ctcvr"]

SHARED = (
    "optimizer", "table_optimizer", "sparse_feature_number", "sparse_feature_dim", "fields", "num_field", "max_len",
    "pooling",
)  # fmt: skip
"""Hyper-parameters that systems of other model directories take over."""

BEHAVIOURS: dict[Target, dict[str, Any]] = {
    "ctr": {"click": None},
    "cvr": {"conversion": None},
    "ctcvr": {"conversion": {"code": "ctcv"}},
}
"""A net of one task: a CVR net differs from a CTCVR net by the rows that it is trained on, and by its name."""

_WITHOUT_EFFECT = (
    "early_stop", "valid_steps", "calibration", "gradient_cosines", "warm_start", "model_init_path", "drop_last",
    "metrics", "segments", "predict_save_path",
)  # fmt: skip
"""Runner settings that a comparison passes by: each run is a training of all rows from scratch, judged by its AUCs."""


@dataclass(frozen=True)
class Plan:
    """A comparison: its config file, its section, and where impressions are that were chosen at random."""

    source: Source
    compare: Compare
    random: tuple[Path, ...] = ()

    @classmethod
    def load(cls, path: Path, overrides: list[str]) -> Plan:
        """Read a config with a compare section, and check it as the tools would.

        Raises:
            UserError: what is wrong with it.
        """
        source = read(path, overrides)
        compare = read_section(source.tree, path)
        del source.tree["compare"]
        for name in ("train_data_dir", "test_data_dir"):
            folder = (source.tree.get("runner") or {}).get(name)
            if not folder:
                raise UserError(f"{path}: runner.{name} is missing")
            places = [str(each) for each in _joined(source, folder)]
            source.tree["runner"][name] = places[0] if isinstance(folder, str) else places
        random = _take_random(source)
        warn_of(_WITHOUT_EFFECT, path, source.tree["runner"], "in a comparison")
        said = asked_for(source.tree.get("data"), "valid")
        if said:
            raise UserError(
                f"{path}: {said} and compare.valid_share would each hold out rows, and nobody would see the first: set "
                f"{said} to null"
            )
        data = source.tree.get("data")
        if isinstance(data, Mapping) and data.get(NEGATIVES) is not None:
            raise UserError(
                f"{path}: data.{NEGATIVES} is for training alone: a comparison chooses the rows of each system, whose "
                "negatives are not the same ones: set it to null"
            )
        return cls(source, compare, random)

    @property
    def folder(self) -> Path:
        """Where the config file is; systems' model directories are relative to it."""
        return self.source.path.resolve().parent

    @property
    def places(self) -> dict[str, list[Path]]:
        """Where each part's data are."""
        runner = self.source.tree["runner"]
        given = {part: runner[f"{part}_data_dir"] for part in ("train", "test")}
        found = {part: list(map(Path, [at] if isinstance(at, str) else at)) for part, at in given.items()}
        return found | ({RANDOM: list(self.random)} if self.random else {})

    def of_random(self) -> Plan:
        """The same, tested on the impressions that were chosen at random."""
        data = self.source.tree.get("data")
        section = {"data": {**data, "test": None, "test_share": 0.0}} if isinstance(data, Mapping) else {}
        tree = merge(self.source.tree, {"runner": {"test_data_dir": [str(each) for each in self.random]}, **section})
        return replace(self, source=replace(self.source, tree=tree), random=())

    def config(self, system: System, seed: int, target: Target | None = None) -> Config:
        """The config of a system, or of a net of one task, for one seed.

        It has the plan's data, table and runner settings; the network's own are the plan's where it is the plan's
        directory, and else its directory's.
        """
        given = self.source.tree.get("hyper_parameters") or {}
        shared = {name: given[name] for name in SHARED if name in given}
        path, model_dir = self.source.path, self.source.model_dir
        if target is not None:
            tree = {**self.source.tree, "hyper_parameters": shared | _one_task(given, target)}
        elif system.model is None or (self.folder / system.model).resolve() == model_dir:
            tree = self.source.tree
        else:
            own = read(self.folder / system.model / "config.yaml")
            path, model_dir = own.path, own.model_dir
            readers = ("train_reader_path", "infer_reader_path")
            runner = {k: value for k, value in self.source.tree["runner"].items() if k not in readers}
            tree = merge(own.tree, {"runner": runner, "hyper_parameters": shared})
            tree["data"] = self.source.tree.get("data")
        tree = merge(tree, {"hyper_parameters": system.hyper_parameters, "runner": {"seed": seed}})
        return Config(path, {name: section for name, section in tree.items() if section is not None}, (), model_dir)


def _joined(source: Source, folder: str | list[str]) -> list[Path]:
    return [joined(source.model_dir, each) for each in ([folder] if isinstance(folder, str) else folder)]


def _take_random(source: Source) -> tuple[Path, ...]:
    """Where data.random_test is, which leaves the config: no other part of it is about these rows.

    Raises:
        UserError: it is no place, or has files that are trained or tested on.
    """
    data = source.tree.get("data")
    given = data.pop("random_test", None) if isinstance(data, dict) else None
    if not data:
        source.tree.pop("data", None)
    if given is None:
        return ()
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise UserError(f"{source.path}: data.random_test should be a folder, a file, or a list of them, got {given!r}")
    places = tuple(_joined(source, given))
    for name in ("train_data_dir", "test_data_dir"):
        for place, other in product(places, _joined(source, source.tree["runner"][name])):
            if _share_files(place, other):
                raise UserError(
                    f"{source.path}: data.random_test, {place}, has rows of runner.{name}, {other}: put them elsewhere"
                )
    return places


def _share_files(one: Path, other: Path) -> bool:
    """Whether one of two places, each of which may be a pattern, is or contains or matches the other."""
    first, second = one.resolve(), other.resolve()
    return any(
        inner.is_relative_to(outer) or any(fnmatch(str(each), str(outer)) for each in (inner, *inner.parents))
        for inner, outer in ((first, second), (second, first))
    )


def _one_task(given: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The hyper-parameters of a net of one task, of the size of the plan's tower."""
    name, sizes = sizes_of(given, target)
    if sizes is None:
        raise UserError(f"{name} is missing: how large is a net of one task to be?")
    return {"behaviours": BEHAVIOURS[target], "tower_fc_sizes": sizes}


def sizes_of(given: Mapping[str, Any], target: Target) -> tuple[str, Any]:
    """The hidden layers of the plan's tower for a target, and the setting that says so."""
    own = "ctr_fc_sizes" if target == "ctr" else "cvr_fc_sizes"
    name = own if own in given else "tower_fc_sizes"
    return f"hyper_parameters.{name}", given.get(name)
