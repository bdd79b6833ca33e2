"""What the bottom makes of the features before towers share it: the third axis beside sharing and behaviours.

An interaction is told the shape of what it sees; `Interaction` says the rest.
"""

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from rec.config.parts import Registry, section_of
from rec.nn.interaction.autoint import AutoInt
from rec.nn.interaction.base import Interaction as Interaction
from rec.nn.interaction.base import NoInteraction, Shape
from rec.nn.interaction.cross import Cross
from rec.nn.interaction.din import DIN
from rec.nn.interaction.fm import FM
from rec.nn.interaction.nfwfm import NFwFM

__all__ = ["REGISTRY", "Interaction", "Section", "Shape"]

REGISTRY = Registry(
    {"none": NoInteraction, "fm": FM, "cross": Cross, "nfwfm": NFwFM, "din": DIN, "autoint": AutoInt}, "shape"
)


Section: TypeAlias = Annotated[dict[str, Any], AfterValidator(REGISTRY.check), BeforeValidator(section_of)]
"""A section such as `{kind: cross, layers: 2}`, or the kind alone."""
