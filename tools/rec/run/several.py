"""What several processes that train one model must have alike, and what they cannot do."""

from __future__ import annotations

from typing import Any

from rec.config.behaviours import REQUEST
from rec.console import log
from rec.distributed.ranks import here
from rec.errors import UserError
from rec.nn.activation import Dice
from rec.nn.between import BatchNorm
from rec.nn.weighting.cagrad import CAGrad
from rec.nn.weighting.gradnorm import GradNorm
from rec.nn.weighting.mgda import MGDA
from rec.nn.weighting.pcgrad import PCGrad
from rec.nn.weighting.random import RandomWeights
from rec.run.assembly import Run

_LAYERS: dict[type, str] = {
    BatchNorm: "norm: batch is over a whole batch",
    Dice: "dice is over a whole batch",
    RandomWeights: "random weights are drawn by each process",
    **dict.fromkeys((CAGrad, GradNorm, MGDA, PCGrad), "the weighting compares gradients of a whole batch"),
}


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
        raise UserError(f"{problem}: train in one process, without paddle.distributed.launch")
    here().check_same(_facts(run))


def _problems(run: Run) -> list[str]:
    config, network = run.config, run.directory.model
    if not run.native:
        return ["a model directory written for PaddleRec"]
    found = []
    if config.runner.use_gpu:
        found.append("runner.use_gpu")
    if config.runner.gradient_cosines:
        found.append("runner.gradient_cosines is over a whole batch")
    if not run.reader.divides:
        found.append(f"the directory's own reader, {type(run.reader).__name__}, does not divide batches")
    if config.runner.table == "sharded" and run.start.grows:
        found.append("data.grow_vocabulary with runner.table: sharded")
    if REQUEST in run.reader.labels:
        found.append("a loss within requests, whose impressions may be on several processes")
    layers = network.build_network(config).sublayers()
    return found + [why for kind, why in _LAYERS.items() if any(isinstance(layer, kind) for layer in layers)]


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
