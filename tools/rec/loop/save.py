"""A checkpoint of a training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rec.checkpoint import arrays
from rec.checkpoint.files import check_file
from rec.checkpoint.manifest import Manifest
from rec.checkpoint.store import Store
from rec.console import log
from rec.data.vocabulary import VOCABULARY
from rec.distributed.ranks import here
from rec.engine.engine import Engine
from rec.errors import UserError
from rec.loop.position import order
from rec.loop.shards import write_shards
from rec.report.meter import Meter
from rec.run.assembly import Run
from rec.run.start import checkpoint_folder

METRIC_STATE = "metrics.safetensors"


def load_metrics(run: Run) -> None:
    """Let metrics go on from the checkpoint within an epoch that the run starts from, or say that they cannot.

    Raises:
        UserError: the checkpoint is damaged.
    """
    start = run.start
    if run.counted is not None:
        seen = start.manifest.meter.get("seen") if start.manifest else None
        run.counted.load_state(arrays.read(check_file(checkpoint_folder(start), METRIC_STATE, start.manifest)), seen)
    elif run.engine.metric_names:
        names = ", ".join(run.engine.metric_names)
        log.warning(
            "epoch %d goes on at batch %d: its %s will count what follows only", start.epoch, start.batch, names
        )


def save(
    run: Run,
    store: Store,
    facts: dict[str, Any],
    step: int,
    epoch: int,
    next_batch: int | None,
    meter: Meter,
    patience: dict[str, Any],
    metrics: dict[str, float | None] | None = None,
) -> None:
    """Write the run as it is; `next_batch` is where it goes on within the epoch, None at its end.

    Args:
        facts: the `settings` of the run, as they were when it began.
        patience: what the validations came to, but for one of this very place.
        metrics: of that one, if there was one.

    Raises:
        UserError: a weight is not finite, or the disk does not take it.
    """
    state, table = run.engine.state(), run.engine.table
    shards: Callable[[Path], dict[str, str]] | None = None
    if table is not None and table.divided:
        for name in table.shard():
            state.weights.pop(name, None)
            state.optimizer.pop(name, None)
        shards = partial(_write_shards, run.engine)
    broken = [name for name, value in state.weights.items() if not np.isfinite(np.sum(value, dtype=np.float64))]
    if broken:
        raise UserError(f"{', '.join(broken)}: not finite after step {step}; no checkpoint is made of that")
    manifest = Manifest(epoch, next_batch, step, store.run, metrics or {}, patience=patience, training=facts)
    texts = {"config.yaml": run.config.to_yaml()}
    if run.native:
        manifest.reading = run.reader.reading()
        if run.reader.vocabulary is not None:
            texts[VOCABULARY] = run.reader.vocabulary.to_json()
            growth = run.reader.vocabulary.growth
            manifest.vocabulary = {"day": growth.day, "fields": growth.changes} if growth else {}
    more = {}
    if next_batch is not None:
        manifest.meter, manifest.order = meter.state(), order(run)
        if run.counted is not None:
            manifest.meter["seen"] = run.counted.seen
        more = {} if run.counted is None else {METRIC_STATE: run.counted.state()}
    save_format = run.config.runner.save_format or ("safetensors" if run.native else "pdparams")
    store.save(manifest, state, texts, more, run.engine.prefix, save_format, shards)


def _write_shards(engine: Engine, folder: Path) -> dict[str, str]:
    """Have everybody's rows of a divided table written."""
    assert engine.table is not None
    here().order("shard", folder=str(folder.resolve()))
    return write_shards(here(), engine.table.shard(), folder, engine.prefix)
