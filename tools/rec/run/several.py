"""What several processes that train one model must have alike, and what they cannot do."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from rec.config.behaviours import REQUEST
from rec.console import log
from rec.distributed.ranks import Ranks, here
from rec.errors import UserError
from rec.run.assembly import Run
from rec.run.grown import grown_since
from rec.run.joined import ALONE


def check_several(run: Run) -> None:
    """Look whether the processes of a launcher, if there are several, can train this together.

    Raises:
        UserError: they cannot, or do not read the same.
    """
    config = run.config
    if here().alone:
        if config.runner.table != "replicated":
            log.warning("runner.table: %s has no effect on one process", config.runner.table)
        return
    for problem in _problems(run):
        raise UserError(f"{problem}: {ALONE}")
    here().check_same(_facts(run))
    blind = check_seen_by_all(here(), Path(config.runner.model_save_path)) if config.runner.table == "sharded" else None
    if blind:
        raise UserError(blind)


def _problems(run: Run) -> list[str]:
    found = []
    if not run.reader.divides:
        found.append(f"the directory's own reader, {type(run.reader).__name__}, does not divide batches")
    if REQUEST in run.reader.labels:
        found.append("a loss within requests, whose impressions may be on several processes")
    if run.config.runner.table == "sharded" and run.config.runner.use_out_vec:
        found.append("runner.use_out_vec with runner.table: sharded")
    if run.config.runner.table == "sharded" and (run.start.grows or grown_since(run.start, run.reader)):
        found.append("a vocabulary that grows (data.grow_vocabulary, prepare.py --extend) with runner.table: sharded")
    optimizer = run.config.hyper_parameters["optimizer"]
    if optimizer.get("accumulate", 1) > 1:
        found.append("optimizer.accumulate, in whose place each process takes a part of every batch")
    if optimizer.get("ema") and run.config.runner.table == "sharded":
        found.append("optimizer.ema with runner.table: sharded")
    return found


def _facts(run: Run) -> dict[str, Any]:
    """What is to be alike, by what it is called."""
    runner = run.config.runner
    return {
        "the config": run.config.to_yaml(),
        "the checkpoint to begin with": str(run.start.folder),
        "its step": run.start.manifest.step if run.start.manifest else None,
        f"rows in {runner.train_data_dir}": len(run.reader),
        "ids": run.reader.num_id,
        "the order of fields": [list(block.fields) for block in run.reader.blocks],
    }


def check_seen_by_all(ranks: Ranks, folder: Path) -> str | None:
    """What is wrong with a folder that all trainers are to write to; None: all see it. All call this together."""
    token = folder / f".saving-token-{os.getpid()}"
    if ranks.rank == 0:
        with contextlib.suppress(OSError):  # what is not written nobody sees, this process among them
            folder.mkdir(parents=True, exist_ok=True)
            token.touch()
    (name, *_) = ranks.gather(np.frombuffer(str(token.resolve()).encode(), np.uint8))
    seen = Path(bytes(name).decode()).exists()
    flags = [bool(each[0]) for each in ranks.gather(np.array([seen]), [1] * ranks.count)]
    if ranks.rank == 0:
        token.unlink(missing_ok=True)
    blind = [str(rank) for rank, flag in enumerate(flags) if not flag]
    if not blind:
        return None
    return (
        f"runner.table: sharded writes each process's rows to runner.model_save_path, and rank {', '.join(blind)} does "
        f"not see {folder.resolve()}: name a folder that all share"
    )
