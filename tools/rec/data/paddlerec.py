"""Where a PaddleRec directory's batches come from: its `RecDataset`, a pipe command, or the model's own loader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rec.config.config import Config
from rec.console import log
from rec.data.custom import LoaderDataset
from rec.data.multislot import InMemoryDataset, PipeDataset
from rec.data.rows import RowReader
from rec.errors import UserError
from rec.loading import ModelDirectory

Part = Literal["train", "valid", "test"]


def brings_loader(config: Config, model: Any) -> bool:
    """Whether the model makes its batches itself. PaddleRec asks only static models; others have their reader."""
    return config.runner.reader_type == "CustomizeDataLoader" and hasattr(model, "create_data_loader")


def batch_size(config: Config, part: Part) -> int | None:
    """Impressions a step; None: the reader yields batches."""
    runner = config.runner
    return {
        "train": runner.train_batch_size,
        "valid": runner.infer_batch_size or runner.train_batch_size,  # a config may be for training alone
        "test": runner.infer_batch_size,
    }[part]


def open_rows(
    config: Config,
    directory: ModelDirectory,
    model: Any,
    part: Part,
    files: list[str],
    dtypes: Sequence[str] | None = None,
) -> RowReader:
    """The reader of a part of the data.

    Args:
        config: the directory's.
        directory: where its reader module is.
        model: its `DygraphModel` or `StaticModel`.
        part: `valid` is read as `test` is.
        files: absolute paths of the part's files.
        dtypes: of the model's feeds, where it declares them.

    Raises:
        UserError: a setting that this source needs is missing, or there is no such module.
    """
    runner, size = config.runner, batch_size(config, part)
    if brings_loader(config, model):
        return RowReader(LoaderDataset(model.create_data_loader()), whole_batches=True)
    if runner.reader_type in ("QueueDataset", "InmemoryDataset"):
        if not runner.pipe_command:
            raise UserError(f"runner.pipe_command is missing: {runner.reader_type} reads what it makes of each file")
        if size is None:
            raise UserError(f"runner.{'train' if part == 'train' else 'infer'}_batch_size is missing")
        rows = PipeDataset(files, runner.pipe_command, config.model_dir, dtypes)
        return RowReader(rows if runner.reader_type == "QueueDataset" else InMemoryDataset(rows), whole_batches=False)
    alone = part == "valid" and "infer_reader_path" not in runner.model_fields_set
    module = runner.train_reader_path if part == "train" or alone else runner.infer_reader_path
    dataset = directory.load(module, "RecDataset")(files, config)
    if runner.shuffle and part == "train" and hasattr(dataset, "__iter__"):
        log.warning("runner.shuffle: %s.py is an iterable data set, which has one order only", module)
    return RowReader(dataset, whole_batches=size is None)
