"""What an impression that nobody clicked is told of its conversion: an axis of the loss, beside sharing and graph.

A method is told how large its heads are to be (`Room`), where it has any; `Method` says the rest.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from rec.config.parts import Registry
from rec.nn.unclicked.chorus import ChorusCVR
from rec.nn.unclicked.dcmt import DCMT
from rec.nn.unclicked.ddpo import DDPO
from rec.nn.unclicked.doubly_robust import DR, DRMSE, MRDR, DRBias
from rec.nn.unclicked.escim import ESCIM
from rec.nn.unclicked.evi import EVI
from rec.nn.unclicked.idefn import IdeFN
from rec.nn.unclicked.ignore import Ignore, Negative
from rec.nn.unclicked.ips import IPS, SNIPS
from rec.nn.unclicked.nise import NISE
from rec.nn.unclicked.ukd import UKD

REGISTRY = Registry(
    {
        "ignore": Ignore,
        "negative": Negative,
        "ips": IPS,
        "snips": SNIPS,
        "dr": DR,
        "mrdr": MRDR,
        "dr_bias": DRBias,
        "dr_mse": DRMSE,
        "dcmt": DCMT,
        "ddpo": DDPO,
        "nise": NISE,
        "chorus": ChorusCVR,
        "ukd": UKD,
        "idefn": IdeFN,
        "evi": EVI,
        "escim": ESCIM,
    },
    "room",
)

Unclicked: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check)]
"""A section such as `{kind: ips, propensity_min: 0.01}`."""
