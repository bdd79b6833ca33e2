"""PaddleRec's helpers for model directories: configs, model classes, data loaders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import paddle

from rec.config.config import Config, load
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from rec.data.rows import RowReader
from rec.engine.feeds import TensorFeed
from rec.errors import UserError
from rec.loading import ModelDirectory


def load_yaml(yaml_file: str, other_part: Any = None) -> Config:
    """A config file as a dict of flat keys; all its sections, so `other_part` names none that is not there."""
    return load(yaml_file)


def get_abs_model(model: str) -> str:
    """The absolute path of a config file.

    Raises:
        UserError: there is none.
    """
    path = Path(model).resolve()
    if not path.is_file():
        raise UserError(f"{model}: no such file; expected a config file of a model directory")
    return str(path)


def load_dy_model_class(abs_dir: str) -> Any:
    """The `DygraphModel` of a model directory, made."""
    return ModelDirectory(Path(abs_dir).resolve(), keep=True).load("dygraph_model", "DygraphModel")()


def load_static_model_class(config: dict[str, Any]) -> Any:
    """The `StaticModel` of `config["config_abs_dir"]`, made with `config`."""
    folder = Path(config["config_abs_dir"]).resolve()
    return ModelDirectory(folder, keep=True).load("static_model", "StaticModel")(config)


class DataLoader:
    """Batches of tensors; iterating, or calling and iterating, makes a new pass."""

    def __init__(self, reader: RowReader, plan: ReadPlan, place: Any) -> None:
        self._reader, self._plan, self._feed = reader, plan, TensorFeed(place)

    def __call__(self) -> Iterator[Any]:
        return iter(self)

    def __iter__(self) -> Iterator[Any]:
        return (self._feed.open(batch, self._plan.training) for batch in self._reader.batches(self._plan))


def create_data_loader(config: dict[str, Any], place: Any, mode: Literal["train", "test"] = "train") -> DataLoader:
    """Batches of a directory's `RecDataset` over its training or test folder; in training without an incomplete last.

    Raises:
        UserError: the folder or the reader is missing.
    """
    part, other = ("train", "train") if mode == "train" else ("test", "infer")
    size = config.get(f"runner.{other}_batch_size")
    folder = Path(config["config_abs_dir"]).resolve()
    files = data_files(folder / (config.get(f"runner.{part}_data_dir") or ""), or_folders=True)
    module = config.get(f"runner.{other}_reader_path", "reader")
    dataset = ModelDirectory(folder, keep=True).load(module, "RecDataset")(files, config)
    plan = ReadPlan(size or 1, mode == "train", seed=config.get("runner.seed", 12345), drop_last=mode == "train")
    return DataLoader(RowReader(dataset, whole_batches=size is None), plan, place)


def reset_auc(use_fleet: bool = False, auc_num: int = 1) -> None:
    """Zero the statistics that `paddle.static.auc` keeps in the old IR.

    In the new one, Paddle 3.3.1's default, it keeps none; metrics of the tools start from zero in each epoch.
    """
    for index in range(auc_num * 5):
        variable = paddle.static.global_scope().find_var(f"_generated_var_{index}")
        if variable is not None:
            tensor = variable.get_tensor()
            tensor.set(np.zeros_like(np.array(tensor)), paddle.CPUPlace())
