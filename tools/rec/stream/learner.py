"""A network that is trained on rows of a stream, and asked about others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from rec.checkpoint.manifest import Manifest
from rec.checkpoint.state import State
from rec.checkpoint.store import Store
from rec.config.config import Config
from rec.data.plan import ReadPlan
from rec.errors import UserError
from rec.loop.failure import advice, not_finite
from rec.loop.save import save
from rec.nn.network import Network
from rec.numeric import Array
from rec.report.meter import Meter
from rec.run.assembly import Run, open_directory
from rec.run.grown import state_of
from rec.run.model import Mode
from rec.run.start import Start
from rec.stream.reader import StreamReader

Columns = Mapping[str, Array]
"""float32 [n] by name."""


class Learner:
    """A network over a stream's clicks.

    Args:
        config: as it was read, with the seed.
        mode: graph mode.
        reader: of the clicks.
        columns: the label columns that it is fed.
        network: None: the model directory's own.

    Attributes:
        step: updates made so far.

    Raises:
        UserError: anything wrong with config or model directory.
    """

    def __init__(
        self, config: Config, mode: Mode, reader: StreamReader, columns: tuple[str, ...],
        network: type[Network] | None = None,
    ) -> None:  # fmt: skip
        directory = open_directory(config, mode, network)
        directory.config.check(directory.problems)
        self._among = directory.config.hyper_parameters.get("among")  # every row of a stream was clicked
        reader.labels = self.columns = (*columns, *([self._among] if self._among else []))
        engine = directory.build_engine(True, reader)
        self._run = Run(directory, mode, "train", Start(), reader, engine)
        self._reader, self._engine, self.config, self.step = reader, engine, directory.config, 0

    def train(self, rows: Array, columns: Columns, turn: int) -> None:
        """One pass over clicks, int64 [n], in their order; `turn` names the pass.

        Raises:
            UserError: a loss is not finite.
        """
        runner = self.config.runner
        plan = ReadPlan(runner.train_batch_size or 1, True, epoch=turn, seed=runner.seed)
        columns = {str(self._among): np.ones(len(rows), np.float32), **columns}
        for some in _pieces(len(rows), plan.batch_size):
            batch = self._reader.batch(rows[some], {name: columns[name][some] for name in self.columns}, plan)
            # Random layers draw from the step's own seed, whatever this process did before.
            paddle.seed(runner.seed + self.step)
            bad = not_finite(self._engine.train_step(batch))
            if bad:
                raise UserError(f"{', '.join(bad)} is not finite at step {self.step}. {advice(bad, batch, ())}")
            self.step += 1
        self._forget()

    def predict(self, rows: Array, given: Columns | None = None) -> dict[str, Array]:
        """What the network says of clicks, int64 [n]: float32 [n] by task; `given`: columns that it predicts from."""
        runner = self.config.runner
        plan = ReadPlan(runner.infer_batch_size or runner.train_batch_size or 1, training=False)
        found: dict[str, list[Array]] = {}
        for some in _pieces(len(rows), plan.batch_size):
            known = {name: values[some] for name, values in (given or {}).items()}
            nothing = np.full(len(rows[some]), np.nan, np.float32)  # labels: metrics pass over them
            batch = self._reader.batch(rows[some], {**dict.fromkeys(self.columns, nothing), **known}, plan)
            for name, values in self._engine.eval_step(batch).items():
                found.setdefault(name.removeprefix("p"), []).append(np.array(values, np.float32).reshape(-1))
            self._forget()
        return {name: np.concatenate(parts) for name, parts in found.items()}

    def state(self) -> State:
        """Weights and the optimizers' state."""
        return self._engine.state()

    def load(self, state: State) -> None:
        """Go on from there."""
        self._engine.load(state)

    def save(self, store: Store, number: int) -> None:
        """Write a checkpoint of that number, which `infer.py` and the exports take, and remove those before."""
        save(self._run, store, {}, self.step, number, None, Meter(), {})
        store.prune(1, None)

    def restore(self, store: Store) -> Manifest | None:
        """Go on from the newest checkpoint of a folder; None where there is none.

        Raises:
            UserError: it is damaged, or of another network.
        """
        store.recover()
        manifest = store.latest()
        if manifest is not None:
            store.run = manifest.run
            start = Start(store.folder / manifest.name, manifest=manifest)
            self.load(state_of(start, self._engine.table, self._reader, self.config))
            self.step = manifest.step
        return manifest

    def _forget(self) -> None:
        for metric in self._engine.metrics:
            metric.reset()


def _pieces(count: int, size: int) -> list[Any]:
    return [slice(first, first + size) for first in range(0, count, size)]
