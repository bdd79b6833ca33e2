"""How the losses of several tasks become one.

A weighting is told the weight of each loss and which losses are of numbers. Its forward takes the losses by name, a
function that gives those of an untrained network, the pulled vectors and the network's parameters.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from rec.config.parts import Registry
from rec.nn.weighting.cagrad import CAGrad
from rec.nn.weighting.dwa import DWA
from rec.nn.weighting.famo import FAMO
from rec.nn.weighting.fixed import Fixed
from rec.nn.weighting.gradnorm import GradNorm
from rec.nn.weighting.mgda import MGDA
from rec.nn.weighting.pcgrad import PCGrad
from rec.nn.weighting.random import RandomWeights
from rec.nn.weighting.uncertainty import Uncertainty

REGISTRY = Registry(
    {
        "fixed": Fixed,
        "uncertainty": Uncertainty,
        "gradnorm": GradNorm,
        "pcgrad": PCGrad,
        "dwa": DWA,
        "random": RandomWeights,
        "mgda": MGDA,
        "cagrad": CAGrad,
        "famo": FAMO,
    },
    "weights",
    "numbers",
)

LEARNED = ("uncertainty", "gradnorm", "famo")
"""Those that learn the weights, from what the config says: one of 0 would not mean that a loss is left out.

GradNorm and FAMO would raise it, and for `Uncertainty` the loss would be s / 2 alone, which falls until exp(-s)
overflows.
"""

Weighting: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check)]
"""A section such as `{kind: gradnorm, alpha: 1.5}`."""
