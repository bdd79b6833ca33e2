"""From a system's description to its config and model, the same size of network for all."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rec.compare.settings import Compare, System, read
from rec.compare.single import SingleTask, SingleTaskModel, Target
from rec.config import hyper
from rec.config.config import Config, merge, read_tree
from rec.contract.house import HouseModel
from rec.data.lines import data_files
from rec.engine.dygraph import DygraphEngine
from rec.errors import UserError
from rec.loading import ModelDirectory, where

SHARED = (
    "optimizer", "table_optimizer", "sparse_feature_number", "sparse_feature_dim", "fields", "num_field", "max_len",
    "pooling",
)  # fmt: skip
"""Hyper-parameters that systems of other model directories take over."""


@dataclass(frozen=True)
class Plan:
    """A comparison: its config file as a tree, and its section."""

    path: Path
    tree: dict[str, Any]
    compare: Compare

    @classmethod
    def load(cls, path: Path, overrides: list[str]) -> Plan:
        """Read a config with a compare section, and check it as the tools would.

        Raises:
            UserError: what is wrong with it.
        """
        tree = read_tree(path, overrides)
        compare = read(tree, path)
        del tree["compare"]
        for name in ("train_data_dir", "test_data_dir"):
            folder = (tree.get("runner") or {}).get(name)
            if not folder:
                raise UserError(f"{path}: runner.{name} is missing")
            tree["runner"][name] = str((path.resolve().parent / folder).resolve())
        if (tree.get("data") or {}).get("valid_share"):
            raise UserError(
                f"{path}: data.valid_share and compare.valid_share would each hold out rows, and nobody would see the "
                "first: set data.valid_share to 0"
            )
        return cls(path, tree, compare)

    def config(self, system: System, seed: int) -> Config:
        """A system's config for one seed: the plan's, or its own directory's with the plan's data and table."""
        tree, path = copy.deepcopy(self.tree), self.path
        if system.model is not None and (self.path.parent / system.model).resolve() != self.path.resolve().parent:
            path = self.path.parent / system.model / "config.yaml"
            own, runner = read_tree(path), dict(tree["runner"])
            for name in ("train_reader_path", "infer_reader_path"):
                reader = runner.pop(name, "reader")
                if "data" in tree:  # a table is read as the plan says, prepared data by the directory's own reader
                    runner[name] = str(self.path.resolve().parent / reader)
            given = tree["hyper_parameters"]
            tree = merge(own, {"runner": runner, "hyper_parameters": {k: given[k] for k in SHARED if k in given}})
            tree["data"] = self.tree.get("data")
        tree = merge(tree, {"hyper_parameters": system.hyper_parameters, "runner": {"seed": seed}})
        return Config(path, {name: section for name, section in tree.items() if section is not None})


@dataclass(frozen=True)
class Net:
    """A network to train: a single-task one that predicts `target`, or the network of `system.model`."""

    system: System
    target: Target | None


class Built:
    """A network's model, readers and engine, built for one seed.

    Raises:
        UserError: anything wrong with config, model directory, reader or data folder.
    """

    def __init__(self, plan: Plan, net: Net, seed: int) -> None:
        self.config = plan.config(net.system, seed)
        self._directory = ModelDirectory(self.config.model_dir)
        runner = self.config.runner
        reader_class = self._directory.load(runner.train_reader_path, "RecDataset")
        model = self._model(net)
        if net.target is None:
            self.config.check([*model.check(self.config, reader_class), *self._sizes()])
        else:
            if hasattr(reader_class, "prepare"):
                reader_class.prepare(self.config)
            hyper.fill_defaults(self.config, [reader_class.settings])
            self.config["hyper_parameters.target"] = net.target
            missing = [line for line in hyper.check(self.config, [SingleTask]) if "is not used" not in line]
            self.config.check([*missing, *self._sizes()])
        self.train_reader = self._reader(reader_class, runner.train_data_dir, "train")
        self.test_reader = self._reader(reader_class, runner.test_data_dir, "test")
        self.engine = DygraphEngine(model, self.config, training=True)

    def _model(self, net: Net) -> HouseModel:
        if net.target is not None:
            return SingleTaskModel()
        model = self._directory.load("dygraph_model", "DygraphModel")()
        if not isinstance(model, HouseModel):
            raise UserError(f"{self.config.model_dir}/dygraph_model.py: only models of ours can be compared")
        return model

    def _sizes(self) -> list[str]:
        runner = self.config.runner
        return [] if runner.train_batch_size else ["runner.train_batch_size is missing"]

    def _reader(self, reader_class: Any, folder: str, part: str) -> Any:
        self.config["reader_for"] = part
        try:
            return reader_class(data_files(self.config.resolve(folder)), self.config)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the reader could not be made: {where(error, self.config.model_dir)}") from error


def describe(config: Config) -> Mapping[str, Any]:
    """What of a config a run depends on, as plain data."""
    runner = config.runner.model_dump()
    names = ("seed", "train_batch_size", "epochs", "shuffle", "shuffle_chunk", "label_policy", "use_gpu")
    chosen = {name: runner[name] for name in names} | {"reader": Path(runner["train_reader_path"]).name}
    return {"runner": chosen, "hyper_parameters": config.hyper_parameters, "data": config.data}
