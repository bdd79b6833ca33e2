"""A few training steps on a copy of the model in memory: nothing is written."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import paddle

from rec.contract.dygraph import Inputs
from rec.data.batch import batch_length
from rec.doctor.activity import Activity
from rec.doctor.subject import Subject
from rec.engine.dygraph import DygraphEngine
from rec.engine.feeds import TableFeed
from rec.errors import UserError
from rec.loading import where
from rec.numeric import Array
from rec.run.assembly import read_plan

STEPS = 20


@dataclass
class Trial:
    """What STEPS steps showed.

    Attributes:
        during: loss of each batch in its own step.
        before, after: mean loss of each batch with the initial and with the final weights, random layers drawing alike.
        gradients: norm of the gradient in each step, by part: a child of the network, or the embedding.
        idle: share of units that were active for no impression, by layer of ReLUs, after the steps.
        predicted: probabilities by task after the steps, float32 [n]; none of PaddleRec's.
        labels: float32 [n] by name.
        speed: impressions a second, reading included, without the first steps, which compile.
        impressions: trained on, each batch counted once.
        dense: numbers in the network's own parameters.
    """

    during: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    after: list[float] = field(default_factory=list)
    gradients: dict[str, list[float]] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    predicted: dict[str, Array] = field(default_factory=dict)
    labels: dict[str, Array] = field(default_factory=dict)
    speed: float = 0.0
    impressions: int = 0
    dense: int = 0


def run(subject: Subject) -> Trial:
    """Train for STEPS steps, in dynamic graph: both modes compute the same, and here gradients can be seen.

    Raises:
        UserError: the model cannot be built or fails, or the reader does.
    """
    config = subject.config
    try:
        reader = subject.open_reader("train")
        engine = subject.directory.build_engine(training=True, reader=reader)
        assert isinstance(engine, DygraphEngine)
        return _run(subject, engine, reader)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"the model failed: {where(error, config.model_dir)}") from error


def _run(subject: Subject, engine: DygraphEngine, reader: Any) -> Trial:
    trial = Trial(dense=sum(int(np.prod(p.shape)) for p in engine.net.parameters()))
    batches, reading = _read(subject, reader)
    trial.before = [_loss(engine, batch, subject) for batch in batches]
    _record_gradients(engine, trial.gradients)
    seconds = []
    for step, batch in enumerate(batches):
        paddle.seed(subject.config.runner.seed + step)
        begun = time.perf_counter()
        shown = engine.train_step(batch)
        trial.during.append(float(np.mean(shown["loss"])))
        seconds.append(time.perf_counter() - begun)
    trial.after = [_loss(engine, batch, subject) for batch in batches]
    trial.impressions = sum(batch_length(batch) for batch in batches)
    late = range(len(batches) // 2, len(batches))
    spent = sum(seconds[step] + reading[step] for step in late)
    trial.speed = sum(batch_length(batches[step]) for step in late) / max(spent, 1e-9)
    if isinstance(engine.feed, TableFeed):
        engine.feed.on_host = False  # inside the operator for whole towers no layer can be watched
    with Activity(engine.net) as activity:
        predicted = [engine.eval_step(batch) for batch in batches]
    trial.idle = activity.idle()
    if subject.native:
        for task in subject.tasks:
            trial.predicted[task.name] = np.concatenate([values[f"p{task.name}"].reshape(-1) for values in predicted])
        for name in batches[0].labels:
            trial.labels[name] = np.concatenate([batch.labels[name] for batch in batches])
    return trial


def _read(subject: Subject, reader: Any) -> tuple[list[Any], list[float]]:
    """The first batches of training, repeated where the data hold fewer, and the seconds that each took."""
    batches: list[Any] = []
    seconds: list[float] = []
    for epoch in range(STEPS):
        plan = read_plan(subject.directory, epoch)
        begun = time.perf_counter()
        for batch in itertools.islice(reader.batches(plan), STEPS - len(batches)):
            seconds.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            if batch_length(batch):
                batches.append(batch)
            else:
                seconds.pop()
        if not batches:
            raise UserError("the reader yields no batch (a PaddleRec reader's incomplete last batch is left out)")
        if len(batches) == STEPS:
            break
    return batches, seconds


def _loss(engine: DygraphEngine, batch: Any, subject: Subject) -> float:
    """A batch's loss with the present weights, as training computes it; changes no parameter."""
    engine.net.train()
    paddle.seed(subject.config.runner.seed)
    with paddle.no_grad():
        inputs = engine.feed.open(batch, training=False)
        loss = engine.model.train_forward(engine.net, engine.metrics, inputs, subject.config)[0]
    return float(loss.numpy().mean())


def _record_gradients(engine: DygraphEngine, norms: dict[str, list[float]]) -> None:
    """Note the norm of each part's gradient just before the engine uses it."""
    assert engine.optimizer is not None
    optimizer, step, move = engine.optimizer, engine.optimizer.step, engine.move

    def recorded_step(gradients: Mapping[str, Any] | None = None) -> None:
        squares: dict[str, float] = {}
        for name, gradient in optimizer.gradients():
            part = name.split(".")[0]
            squares[part] = squares.get(part, 0.0) + _square(gradient)
        _append(norms, squares)
        step(gradients)

    def recorded_move(inputs: Any) -> None:
        if isinstance(inputs, Inputs):
            _append(norms, {"embedding": sum(_square(block.grad) for block in inputs.vectors)})
        move(inputs)

    optimizer.step = recorded_step  # type: ignore[method-assign]
    engine.move = recorded_move  # type: ignore[method-assign]


def _append(norms: dict[str, list[float]], squares: dict[str, float]) -> None:
    for part, square in squares.items():
        norms.setdefault(part, []).append(float(np.sqrt(square)))


def _square(gradient: Any) -> float:
    """Sum of squares of a gradient, tensor or array; none is 0."""
    return 0.0 if gradient is None else float(np.square(np.asarray(gradient, np.float64)).sum())
