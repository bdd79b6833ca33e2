"""How towers share what lies below them.

A sharing is told the width of its input, the towers' names, in order, and what stands between hidden layers
(`rec.nn.between`); `SharingLayer` says the rest.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from rec.config.parts import Registry
from rec.nn.sharing.aitm import AITM
from rec.nn.sharing.bottom import NoSharing, SeparateEmbeddings, ShareBottom
from rec.nn.sharing.cross_stitch import CrossStitch
from rec.nn.sharing.hierarchical import Hierarchical
from rec.nn.sharing.home import HoME
from rec.nn.sharing.mmoe import MMoE
from rec.nn.sharing.ple import PLE
from rec.nn.sharing.stem import STEM

REGISTRY = Registry(
    {
        "none": NoSharing,
        "separate": SeparateEmbeddings,
        "share_bottom": ShareBottom,
        "mmoe": MMoE,
        "ple": PLE,
        "cross_stitch": CrossStitch,
        "hierarchical": Hierarchical,
        "aitm": AITM,
        "stem": STEM,
        "home": HoME,
    },
    "in_features",
    "towers",
    "between",
)

Sharing: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check)]
"""A section such as `{kind: mmoe, num_expert: 4, fc_sizes: [64]}`."""
