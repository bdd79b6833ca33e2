"""YouTube's ranker: engagement, satisfaction and position bias (Zhao et al., RecSys 2019)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field

from rec.config.interaction import attended
from rec.errors import UserError
from rec.nn.features import Features
from rec.nn.multitask import MultiTask
from rec.nn.shallow import ShallowTower, split_fields

Names: TypeAlias = Annotated[Sequence[str | int], Field(min_length=1)]


class YouTube(MultiTask):
    """A shallow tower explains behaviours by what biases them while the network is trained; it is gone in serving.

    Served probabilities are those of an impression whose bias fields are unknown: in the mean they are right, see the
    README.

    Args:
        num_field: fields of an impression, the bias fields included.
        fields: their names.
        bias_fields: those that only the shallow tower sees, such as the position and the device.
        biased_behaviours: those to whose towers' logits it is added, one logit for each.
        position_dropout: share of impressions whose bias fields it does not see in training, above 0.
        shallow_tower: False leaves it out, for comparison: nothing sees the bias fields.
    """

    def __init__(
        self,
        num_field: int,
        fields: Sequence[str | int],
        bias_fields: Names = ("position_id",),
        biased_behaviours: Names = ("click",),
        position_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        shallow_tower: bool = True,
        **settings: Any,
    ) -> None:
        places = _places(bias_fields, fields, attended(settings).queries, settings.get("field_dims", {}))
        super().__init__(num_field=num_field - len(places), **settings)
        if self.separate:
            raise UserError("hyper_parameters.sharing: separate embeddings are not for a network with a shallow tower")
        self.bias_fields, self.bias_names = places, list(map(str, bias_fields))
        self.biased = [tower for name in biased_behaviours for tower in self._towers(str(name))]
        if shallow_tower and not position_dropout:
            raise UserError(
                "hyper_parameters.position_dropout is 0: no impression would say what a click's probability is without "
                "its position, so served probabilities would be off by any amount; set it above 0, for example 0.1"
            )
        width = len(self.bias_fields) * self.embedding_dim
        self.shallow = ShallowTower(width, len(self.biased), position_dropout) if shallow_tower else None

    def logits(self, features: Features) -> dict[str, Any]:
        """As `MultiTask` on all fields but the bias fields; in training the shallow tower's logits are added."""
        # Prepared data have their fields in another order than the config.
        places = [features.names.index(name) for name in self.bias_names] if features.names else self.bias_fields
        vectors, rest = split_fields(features, places, self.embedding_dim)
        logits = super().logits(rest)
        if self.training and self.shallow is not None:
            shallow = self.shallow(vectors)
            for number, tower in enumerate(self.biased):
                logits[tower] = logits[tower] + shallow[:, number : number + 1]
        return logits

    def _towers(self, behaviour: str) -> list[str]:
        towers = self.graph.towers_of(behaviour)
        if not towers:
            raise UserError(
                f"hyper_parameters.biased_behaviours: {behaviour} has no tower; the towers are: "
                f"{', '.join(self.graph.towers)}"
            )
        return towers


def _places(
    bias_fields: Sequence[str | int],
    fields: Sequence[str | int],
    queries: Mapping[str, str],
    dims: Mapping[str, int],
) -> list[int]:
    """Where the bias fields stand among all fields; `queries` attend to histories, `dims` are of other widths."""
    names, wanted = list(map(str, fields)), list(map(str, bias_fields))
    where = "hyper_parameters.bias_fields"
    for name in wanted:
        if name not in names:
            raise UserError(f"{where}: {name} is not among hyper_parameters.fields")
        if name in [*queries, *queries.values()]:
            raise UserError(f"{where}: {name} is in interaction.attend, which is served, and bias fields are not")
        if name in dims:
            raise UserError(f"{where}: {name} has a width of its own, {dims[name]}: leave data.fields.{name}.dim out")
    if len(set(wanted)) < len(wanted):
        raise UserError(f"{where}: names a field twice: {', '.join(wanted)}")
    if len(wanted) == len(names):
        raise UserError(f"{where}: holds every field, so none is left to rank by")
    return [names.index(name) for name in wanted]
