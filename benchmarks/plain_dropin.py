"""A PaddleRec directory under a loop written as PaddleRec's trainers are: the reference of benchmarks/dropin.py."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle


class Config(dict[str, Any]):
    """Flat keys, as PaddleRec hands them to a model."""


class Plain:
    """Trains batch by batch.

    Args:
        directory: in PaddleRec's style.
        config: its flat config.
        mode: `dygraph` or `static`.
        files: of training lines.
    """

    def __init__(self, directory: Path, config: Config, mode: str, files: list[str]) -> None:
        sys.path.insert(0, str(directory))
        self.config, self.files, self.static = config, files, mode == "static"
        paddle.seed(1)
        (self._build_static if self.static else self._build_dynamic)()

    def _build_dynamic(self) -> None:
        from dygraph_model import DygraphModel  # type: ignore[import-not-found]

        self.model = DygraphModel()
        self.net = self.model.create_model(self.config)
        self.optimizer = self.model.create_optimizer(self.net, self.config)
        self.metrics, _ = self.model.create_metrics()

    def _build_static(self) -> None:
        from static_model import StaticModel  # type: ignore[import-not-found]

        paddle.enable_static()
        self.model = StaticModel(self.config)
        self.inputs = self.model.create_feeds()
        self.fetched = self.model.net(self.inputs)
        self.model.create_optimizer()
        self.executor = paddle.static.Executor(paddle.CPUPlace())
        self.executor.run(paddle.static.default_startup_program())

    def batches(self) -> Iterator[Any]:
        """Epoch after epoch, through Paddle's DataLoader."""
        from reader import RecDataset  # type: ignore[import-not-found]

        size = self.config["runner.train_batch_size"]
        while True:
            yield from paddle.io.DataLoader(
                RecDataset(self.files, self.config), batch_size=size, drop_last=True, places=paddle.CPUPlace()
            )

    @staticmethod
    def length(batch: Any) -> int:
        """Impressions in a batch."""
        return len(np.asarray(batch[0]))

    def step(self, batch: Any) -> None:
        """One update."""
        if self.static:
            feed = {variable.name: array for variable, array in zip(self.inputs, batch, strict=True)}
            self.executor.run(feed=feed, fetch_list=list(self.fetched.values()))
            return
        self.net.train()
        loss, self.metrics, _ = self.model.train_forward(self.net, self.metrics, batch, self.config)
        loss.backward()
        self.optimizer.step()
        self.optimizer.clear_grad()
