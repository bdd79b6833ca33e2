"""ESMM as a Paddle user would write it first: the reference that benchmarks/throughput.py holds ours against.

A row-wise reader of text lines keeps three ids per field, padded with 0; one sparse `nn.Embedding`; `nn.Linear` towers;
Adam over everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F  # noqa: N812 - the field's name for it

IDS_PER_FIELD = 3


class Lines(paddle.io.IterableDataset):
    """Lines `number,click,conversion,field:id,...` as (ids int64 [fields, 3], click [1], conversion [1])."""

    def __init__(self, files: list[Path], fields: list[str]) -> None:
        self.files = files
        self.place = {field: index for index, field in enumerate(fields)}

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        for file in self.files:
            with file.open() as lines:
                for line in lines:
                    yield self._row(line.rstrip().split(","))

    def _row(self, parts: list[str]) -> tuple[Any, Any, Any]:
        ids = np.zeros((len(self.place), IDS_PER_FIELD), np.int64)
        filled = [0] * len(self.place)
        for token in parts[3:]:
            field, _, number = token.partition(":")
            index = self.place[field]
            if filled[index] < IDS_PER_FIELD:
                ids[index, filled[index]] = int(number)
                filled[index] += 1
        return ids, np.array([float(parts[1])], np.float32), np.array([float(parts[2])], np.float32)


class PlainESMM(nn.Layer):
    """Two towers on one embedding table."""

    def __init__(self, num_id: int, dim: int, num_field: int, sizes: list[int]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_id, dim, sparse=True)
        self.ctr = self._tower(num_field * dim, sizes)
        self.cvr = self._tower(num_field * dim, sizes)

    @staticmethod
    def _tower(width: int, sizes: list[int]) -> nn.Sequential:
        layers: list[Any] = []
        for size in sizes:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        return nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, ids: Any) -> tuple[Any, Any]:
        """p(click) and p(click and conversion), [B, 1], for ids int64 [B, fields, 3]."""
        pooled = self.embedding(ids).sum(axis=2).reshape([ids.shape[0], -1])
        ctr, cvr = F.sigmoid(self.ctr(pooled)), F.sigmoid(self.cvr(pooled))
        return ctr, ctr * cvr


class Training:
    """The loop around it."""

    def __init__(
        self, files: list[Path], fields: list[str], num_id: int, dim: int, sizes: list[int], batch: int
    ) -> None:
        self.net = PlainESMM(num_id, dim, len(fields), sizes)
        self.optimizer = paddle.optimizer.Adam(0.001, parameters=self.net.parameters())
        self.loader = paddle.io.DataLoader(Lines(files, fields), batch_size=batch, drop_last=True)

    def batches(self) -> Iterator[Any]:
        """Epoch after epoch."""
        while True:
            yield from self.loader

    def step(self, batch: Any) -> float:
        """One update; the loss."""
        ids, click, conversion = batch
        ctr, ctcvr = self.net(ids)
        loss = F.binary_cross_entropy(ctr, click) + F.binary_cross_entropy(ctcvr, conversion)
        loss.backward()
        self.optimizer.step()
        self.optimizer.clear_grad()
        return float(loss)
