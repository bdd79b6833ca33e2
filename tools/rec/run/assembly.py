"""A run put together: config -> checkpoint choice -> reader -> network -> table -> engine. Nothing else does that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from rec.config.config import Config
from rec.data.divided import Batches, divided_batches
from rec.data.labels import LabelRules
from rec.data.loader import if_slow, load_batches
from rec.data.plan import ReadPlan
from rec.data.reader import Part
from rec.distributed.ranks import here
from rec.engine.engine import Engine
from rec.loading import ModelDirectory
from rec.metrics.tasks import TaskMetrics
from rec.nn.network import Network
from rec.report.reading import log_reading, log_unseen
from rec.run.directory import Directory
from rec.run.grown import state_of
from rec.run.joined import joined
from rec.run.known import known_vocabulary
from rec.run.model import Mode, is_native, model_class, with_network
from rec.run.native import NativeDirectory
from rec.run.paddlerec import PaddleRecDirectory
from rec.run.reading import check_reading, check_same_ids
from rec.run.start import Start, evaluated, training_start
from rec.seeding import seed_host

Task: TypeAlias = Literal["train", "infer"]


@dataclass(frozen=True)
class Run:
    """What a loop works with.

    Attributes:
        directory: the model directory; `config` is what it was told.
        mode: graph mode.
        task: `train` has an optimizer, and reads the training data.
        start: where training begins; in evaluation, the checkpoint whose vocabulary the reader has.
        reader: over the training or the test data.
        engine: with initial weights; `restore` gives it a checkpoint's.
    """

    directory: Directory
    mode: Mode
    task: Task
    start: Start
    reader: Any
    engine: Engine

    @property
    def config(self) -> Config:
        """The resolved config."""
        return self.directory.config

    @property
    def native(self) -> bool:
        """Whether the model directory is of our kind."""
        return self.directory.native

    @property
    def counted(self) -> TaskMetrics | None:
        """What our models count in; PaddleRec's metrics cannot be saved."""
        return next((metric for metric in self.engine.metrics if isinstance(metric, TaskMetrics)), None)

    def length(self, reader: Any, plan: ReadPlan | None = None) -> int | None:
        """Impressions that a reader has, or a plan of its goes through; None where it cannot tell."""
        return None if not self.native else reader.count(plan) if plan else len(reader)

    def adopt(self, start: Start) -> Run:
        """A run that reads with a checkpoint's vocabulary.

        Raises:
            UserError: the vocabulary is damaged, or the checkpoint was trained on data read otherwise.
        """
        run = self
        if self.native and start.vocabulary_checksum not in (None, self.start.vocabulary_checksum):
            reader, engine = _build(self.directory, self.task, start)
            log_unseen(reader.unseen)
            run = replace(self, start=start, reader=reader, engine=engine)
        check_reading(start, run.reader)
        return run

    def restore(self, start: Start) -> Run:
        """A run with a checkpoint's weights, and its vocabulary.

        Raises:
            UserError: the checkpoint is missing, damaged, of another network, or was trained on data read otherwise.
        """
        if start.folder is None:
            return self
        run = self.adopt(start)
        run.engine.load(state_of(start, run.engine.table, run.reader, run.config, self.task == "train"))
        return run

    def open_reader(self, part: Part) -> Any:
        """A reader of another part of the data, with this run's vocabulary.

        Raises:
            UserError: see `Directory.open_reader`; or its ids mean something else than this run's.
        """
        reader = self.directory.open_reader(part, self.reader.vocabulary if self.native else None)
        check_same_ids(reader, self.reader, self.config, part)
        log_reading(reader, part)
        return reader

    def plan(self, epoch: int, start: int, training: bool) -> ReadPlan:
        """How an epoch is read from batch `start` on."""
        plan = read_plan(self.directory, epoch, start, training)
        return plan.divided(here().rank, here().count) if training else plan

    def batches(self, reader: Any, plan: ReadPlan) -> Batches:
        """The batches of a plan, through the reader processes that the config asks for."""
        # A model's own loader may compute with Paddle, which does not survive the fork of a reader process.
        alone = self.directory.own_loader or (self.native and not reader.may_fork)
        own = load_batches(reader, plan, 0 if alone else self.config.runner.num_workers, self.config.model_dir)
        return divided_batches(own, reader, plan, here(), self.engine.table)

    @property
    def if_slow(self) -> str:
        """What to try where the steps wait for the reader."""
        if self.directory.own_loader:
            return "the model directory has its own loader, which no setting makes faster"
        return if_slow(self.reader, self.config.runner.num_workers)


def open_directory(
    config: Config, mode: Mode, network: type[Network] | None = None, rules: LabelRules | None = None
) -> Directory:
    """The model directory of a config.

    Args:
        config: as it was read.
        mode: graph mode.
        network: trained in place of the directory's own.
        rules: the labels that the readers of a directory of ours give; None: those that its network needs.

    Raises:
        UserError: a module is missing or cannot be imported, or PaddleRec's model cannot be made.
    """
    directory = ModelDirectory(config.model_dir)
    seed_host(config.runner.seed)
    model = model_class(directory, mode) if network is None else with_network(network, mode)
    if is_native(model):
        return NativeDirectory(config, directory, model, mode, rules)
    return PaddleRecDirectory(config, directory, model, mode)


def assemble(config: Config, mode: Mode, task: Task) -> Run:
    """Everything that a tool works with, checked together before anything long starts.

    Raises:
        UserError: anything wrong with config, model directory, checkpoint, reader or data folder.
    """
    return assemble_from(joined(open_directory(config, mode), task == "train"), mode, task)


def assemble_from(directory: Directory, mode: Mode, task: Task) -> Run:
    """The same from a directory that is open."""
    directory.config.check([*directory.problems, *directory.missing(task == "train")])
    directory.warn()
    start = training_start(directory.config) if task == "train" else Start()
    if task == "infer" and directory.native and directory.config.describes_table:
        start = evaluated(directory.config)[0]  # without its vocabulary the table cannot be read
    reader, engine = _build(directory, task, start)
    log_reading(reader, "train" if task == "train" else "test")
    if task == "train" and directory.native and start.vocabulary_checksum and not start.resumes:
        log_unseen(reader.unseen)  # the checkpoint was trained on other rows, perhaps
    return Run(directory, mode, task, start, reader, engine)


def read_plan(directory: Directory, epoch: int = 0, start: int = 0, training: bool = True) -> ReadPlan:
    """How an epoch is read from batch `start` on."""
    native, runner = directory.native, directory.config.runner
    drop_last = (not native) if runner.drop_last is None else runner.drop_last
    in_any_order = native or runner.reader_type == "InmemoryDataset"
    shuffle = in_any_order if runner.shuffle is None else runner.shuffle
    return ReadPlan(
        batch_size=(runner.train_batch_size if training else runner.infer_batch_size or runner.train_batch_size) or 1,
        training=training,
        epoch=epoch,
        seed=runner.seed,
        shuffle=training and shuffle,
        drop_last=training and drop_last,
        start=start,
    )


def _build(directory: Directory, task: Task, start: Start) -> tuple[Any, Engine]:
    part: Part = "train" if task == "train" else "test"
    if directory.native:
        known = start.vocabulary if start.folder or task == "infer" else known_vocabulary(directory.config)
        reader = directory.open_reader(part, known)
        return reader, directory.build_engine(task == "train", reader)
    engine = directory.build_engine(task == "train")
    return directory.open_reader(part), engine
