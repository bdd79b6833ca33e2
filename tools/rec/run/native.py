"""A model directory of ours, and what a run over it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rec.config.config import Config
from rec.config.hyper import Declared, complete
from rec.config.negatives import NEGATIVES
from rec.console import log
from rec.contract.native import DENSE_OPTIMIZERS, NativeModel, TableSettings, check
from rec.data.labels import LabelRules
from rec.data.negatives import with_rate
from rec.data.reader import Part, Reader
from rec.data.vocabulary import Vocabulary
from rec.engine.dygraph import DygraphEngine
from rec.engine.engine import Engine
from rec.engine.static import StaticEngine
from rec.errors import UserError
from rec.loading import ModelDirectory
from rec.metrics.task import Task
from rec.run.directory import Directory, make_model, on_this_machine, warn_of_inference
from rec.run.model import Mode, reader_class
from rec.run.parts import mixed_parts, with_shares


class NativeDirectory(Directory):
    """Network and readers of a directory of ours.

    Args:
        config: as it was read.
        directory: its modules.
        model: its `DygraphModel` or `StaticModel`, a class.
        mode: graph mode.
        rules: the labels that readers give; None: those that the network needs.

    Attributes:
        config: with every default written out; nothing changes it from here on.
        network: the class of its network.

    Raises:
        UserError: a module is missing or cannot be imported.
    """

    native = True

    def __init__(
        self,
        config: Config,
        directory: ModelDirectory,
        model: type[NativeModel],
        mode: Mode,
        rules: LabelRules | None = None,
    ) -> None:
        config = with_shares(on_this_machine(_standard(config)))
        self.mode, self.network, self._rules = mode, model.network, rules
        runner = config.runner
        train = reader_class(directory, runner.train_reader_path)
        test = reader_class(directory, runner.infer_reader_path) if runner.test_data_dir else train
        self._readers: dict[Part, type[Reader]] = {"train": train, "valid": train, "test": test}
        targets: list[Callable[..., Any]] = [self.network, TableSettings, train.settings]
        problems = list(config.problems)
        try:
            self.config = with_rate(complete(config, targets, train.declared(config)))
        except UserError as error:  # the data section: what else is wrong is said of the fields that it names
            named = config.data.get("fields") if isinstance(config.data, Mapping) else None
            fields = list(map(str, named)) if isinstance(named, Mapping | list) else None
            declared = None if fields is None else Declared(fields)
            problems, self.config = [*problems, str(error)], complete(config, targets, declared)
        self.problems = [*problems, *check(self.config, targets)]
        if self.config.hyper_parameters.get(NEGATIVES) is not None and not train.samples:
            self.problems.append(f"data.{NEGATIVES}: the directory's own reader, {train.__name__}, leaves no row out")
        self.model: Any = make_model(model, self.config, mode)

    def missing(self, training: bool) -> list[str]:
        """Runner settings that are needed and not there, or there by halves."""
        names = ("train_data_dir", "train_batch_size") if training else ("test_data_dir", "infer_batch_size")
        given = self.config.runner.model_dump()
        absent = [f"runner.{name} is missing" for name in names if not given[name]]
        return absent + (mixed_parts(self.config) if training else [])

    def _open_reader(self, part: Part, vocabulary: Vocabulary | None, keep_excluded: bool) -> Reader:
        config, runner = self.config, self.config.runner
        folder = {"train": runner.train_data_dir, "valid": runner.valid_data_dir, "test": runner.test_data_dir}[part]
        if keep_excluded:
            config = config.merged({"runner": {"label_policy": "keep"}})
        reader = self._readers[part]
        return reader(reader.files(config, config.places(folder)), config, part, vocabulary, self.rules)

    @property
    def rules(self) -> LabelRules:
        """The label columns that readers give."""
        return self._rules or self.network.label_rules(self.config.hyper_parameters)

    def _build_engine(self, training: bool, reader: Reader) -> Engine:
        if training:
            warn_of_inference(self.config)
            self._warn_of_weight_decay()
        if self.mode == "static":
            return StaticEngine(self.model, self.config, training, reader)
        return DygraphEngine(self.model, self.config, training, reader.rows)

    def _warn_of_weight_decay(self) -> None:
        """It is not the table's too: decay of every row in every step would cost the whole table."""
        if self.config.get("hyper_parameters.optimizer.weight_decay"):
            log.warning(
                "hyper_parameters.optimizer.weight_decay: decays the network's parameters; the table's rows have "
                "hyper_parameters.table_optimizer.weight_decay"
            )

    def tasks(self) -> tuple[Task, ...]:
        return tuple(self.model.build_network(self.config).tasks)


def _standard(config: Config) -> Config:
    """PaddleRec's spelling of an optimizer's class, `adam`, as Paddle has it."""
    name = config.get("hyper_parameters.optimizer.class")
    known = next((each for each in DENSE_OPTIMIZERS if str(name).lower() == each.lower()), name)
    if known == name:
        return config
    log.warning("hyper_parameters.optimizer.class: %s is written %s", name, known)
    return config.merged({"hyper_parameters": {"optimizer": {"class": known}}})
