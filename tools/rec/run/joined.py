"""A training's model directory, and the other processes that are to train it too."""

from __future__ import annotations

from collections.abc import Iterator

from rec.distributed import launcher
from rec.errors import UserError
from rec.nn.weighting.cagrad import CAGrad
from rec.nn.weighting.gradnorm import GradNorm
from rec.nn.weighting.mgda import MGDA
from rec.nn.weighting.pcgrad import PCGrad
from rec.nn.weighting.random import RandomWeights
from rec.run.directory import Directory

ALONE = "train in one process, without paddle.distributed.launch"

_LAYERS: dict[type, str] = {
    RandomWeights: "hyper_parameters.weighting: random is drawn by each process",
    **dict.fromkeys(
        (CAGrad, GradNorm, MGDA, PCGrad), "hyper_parameters.weighting compares the gradients of a whole batch"
    ),
}


def joined(directory: Directory, training: bool) -> Directory:
    """The directory, once the processes that a launcher started with this one have found each other.

    Raises:
        UserError: what is to be trained cannot be by several processes, or they do not find each other.
    """
    if training and launcher.launched() > 1:
        for problem in _problems(directory):
            raise UserError(f"{problem}: {ALONE}")
        launcher.join(directory.config.runner.rank_timeout)
    return directory


def _problems(directory: Directory) -> Iterator[str]:
    config = directory.config
    if not directory.native:
        yield "a model directory written for PaddleRec exchanges no gradients"
    elif not directory.problems:
        if config.runner.use_gpu:
            yield "runner.use_gpu with several processes is not tested"
        if config.runner.gradient_cosines:
            yield "runner.gradient_cosines is over a whole batch"
        layers = directory.model.build_network(config).sublayers()
        for kind, why in _LAYERS.items():
            if any(isinstance(layer, kind) for layer in layers):
                yield why
