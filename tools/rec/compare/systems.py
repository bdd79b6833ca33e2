"""From a system's description to its config and network, the same size of network for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from rec.config.compare import Compare, System
from rec.config.compare import read as read_section
from rec.config.config import Config
from rec.config.negatives import NEGATIVES
from rec.config.paths import joined
from rec.config.tree import Source, merge, read
from rec.console import log
from rec.data.labels import LabelRules
from rec.engine.engine import Engine
from rec.errors import UserError
from rec.nn.multitask import MultiTask
from rec.nn.network import Network
from rec.run.assembly import open_directory
from rec.run.directory import Directory
from rec.run.parts import asked_for

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


@dataclass(frozen=True)
class Plan:
    """A comparison: its config file, and its section."""

    source: Source
    compare: Compare

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
            places = [str(joined(source.model_dir, each)) for each in ([folder] if isinstance(folder, str) else folder)]
            source.tree["runner"][name] = places[0] if isinstance(folder, str) else places
        for name in ("early_stop", "calibration", "gradient_cosines"):
            if source.tree["runner"].get(name):
                log.warning("%s: runner.%s has no effect in a comparison", path, name)
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
        return cls(source, compare)

    @property
    def folder(self) -> Path:
        """Where the config file is; systems' model directories are relative to it."""
        return self.source.path.resolve().parent

    def places(self, part: Literal["train", "test"]) -> list[Path]:
        """Where a part's data are."""
        given = self.source.tree["runner"][f"{part}_data_dir"]
        return [Path(each) for each in ([given] if isinstance(given, str) else given)]

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


def opened(plan: Plan, system: System, target: Target | None, seed: int) -> Directory:
    """The model directory of `system.model`, or of a network that predicts `target`; no data are read.

    Raises:
        UserError: anything wrong with config or model directory.
    """
    config = plan.config(system, seed, target)
    network: type[Network] | None = None if target is None else MultiTask
    # Rows are chosen by click and conversion, whichever of them a net of one task needs.
    directory = open_directory(config, "dygraph", network, None if target is None else LabelRules())
    if not directory.native:
        raise UserError(f"{config.model_dir}/dygraph_model.py: only models of ours can be compared")
    problems = [*directory.problems, *directory.missing(training=True)]
    if target is not None:  # in the words of the plan
        own, _ = _sizes(plan.source.tree.get("hyper_parameters") or {}, target)
        problems = [problem.replace("hyper_parameters.tower_fc_sizes", own) for problem in problems]
    config.check(problems)
    return directory


class Built:
    """A network's readers and engine, built for one seed: the network of `system.model`, or one that predicts `target`.

    Raises:
        UserError: anything wrong with config, model directory, reader or data folder.
    """

    def __init__(self, plan: Plan, system: System, target: Target | None, seed: int) -> None:
        directory = opened(plan, system, target, seed)
        self.config = directory.config
        self.train_reader = directory.open_reader("train")
        self.test_reader = directory.open_reader("test", self.train_reader.vocabulary)
        self.engine: Engine = directory.build_engine(training=True, reader=self.train_reader)


def describe(config: Config) -> Mapping[str, Any]:
    """What of a config a run depends on, as plain data."""
    runner = config.runner.model_dump()
    names = ("seed", "train_batch_size", "epochs", "shuffle", "shuffle_chunk", "label_policy", "use_gpu")
    chosen = {name: runner[name] for name in names} | {"reader": Path(runner["train_reader_path"]).name}
    return {"runner": chosen, "hyper_parameters": config.hyper_parameters, "data": config.data}


def _one_task(given: Mapping[str, Any], target: Target) -> dict[str, Any]:
    """The hyper-parameters of a net of one task, of the size of the plan's tower."""
    name, sizes = _sizes(given, target)
    if sizes is None:
        raise UserError(f"{name} is missing: how large is a net of one task to be?")
    return {"behaviours": BEHAVIOURS[target], "tower_fc_sizes": sizes}


def _sizes(given: Mapping[str, Any], target: Target) -> tuple[str, Any]:
    """The hidden layers of the plan's tower for a target, and the setting that says so."""
    own = "ctr_fc_sizes" if target == "ctr" else "cvr_fc_sizes"
    name = own if own in given else "tower_fc_sizes"
    return f"hyper_parameters.{name}", given.get(name)
