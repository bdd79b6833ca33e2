"""A system's network and readers, the same size of network for all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rec.compare.plan import Plan, Target, sizes_of
from rec.config.compare import System
from rec.config.config import Config
from rec.data.labels import LabelRules
from rec.engine.engine import Engine
from rec.errors import UserError
from rec.loop.rates import schedules
from rec.nn.multitask import MultiTask
from rec.nn.network import Network
from rec.run.assembly import open_directory
from rec.run.directory import Directory
from rec.run.reading import check_same_ids


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
    problems += [
        f"hyper_parameters.{name}.learning_rate is a schedule, and a comparison trains at one rate: give it a number"
        for name in schedules(directory.config)
    ]
    if target is not None:  # in the words of the plan
        own, _ = sizes_of(plan.source.tree.get("hyper_parameters") or {}, target)
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
        self.test_readers = {"test": directory.open_reader("test", self.train_reader.vocabulary)}
        check_same_ids(self.test_readers["test"], self.train_reader, self.config, "test")
        if plan.random:
            of_random = opened(plan.of_random(), system, target, seed)
            self.test_readers["random"] = of_random.open_reader("test", self.train_reader.vocabulary)
        self.engine: Engine = directory.build_engine(training=True, reader=self.train_reader)


def describe(config: Config) -> Mapping[str, Any]:
    """What of a config a run depends on, as plain data."""
    runner = config.runner.model_dump()
    names = ("seed", "train_batch_size", "epochs", "shuffle", "shuffle_chunk", "label_policy", "use_gpu")
    chosen = {name: runner[name] for name in names} | {"reader": Path(runner["train_reader_path"]).name}
    return {"runner": chosen, "hyper_parameters": config.hyper_parameters, "data": config.data}
