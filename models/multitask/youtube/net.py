"""YouTube's ranker: engagement, satisfaction and position bias (Zhao et al., RecSys 2019)."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.multitask import MultiTask
from rec.nn.shallow import ShallowTower, split_field


class YouTube(MultiTask):
    """A shallow tower explains clicks by position while the network is trained; it is gone when items are ranked.

    Args:
        num_field: fields of an impression, the position's included.
        fields: their names.
        position_field: the one that only the shallow tower sees.
        position_dropout: share of exposures whose position it does not see in training.
        shallow_tower: False leaves it out, for comparison: nothing sees the position.
        biased_tower: the tower whose logit it is added to.
    """

    def __init__(
        self,
        num_field: int,
        fields: Sequence[str | int],
        position_field: str = "position_id",
        position_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        shallow_tower: bool = True,
        biased_tower: str = "click",
        **settings: Any,
    ) -> None:
        super().__init__(num_field=num_field - 1, **settings)
        names = [str(field) for field in fields]
        if position_field not in names:
            raise UserError(f"hyper_parameters.position_field: {position_field} is not among hyper_parameters.fields")
        if biased_tower not in self.graph.towers:
            towers = ", ".join(self.graph.towers)
            raise UserError(f"hyper_parameters.biased_tower: {biased_tower} is no tower; these are: {towers}")
        if self.separate:
            raise UserError("hyper_parameters.sharing: separate embeddings are not for a network with a shallow tower")
        self.position, self.biased = names.index(position_field), biased_tower
        self.shallow = ShallowTower(self.dim, position_dropout) if shallow_tower else None

    def logits(self, features: Features) -> dict[str, Any]:
        """As `MultiTask` on all fields but the position; in training the shallow tower's logit is added to one."""
        position, rest = split_field(features, self.position, self.dim)
        logits = super().logits(rest)
        if self.training and self.shallow is not None:
            logits[self.biased] = logits[self.biased] + self.shallow(position)
        return logits
