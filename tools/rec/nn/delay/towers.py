"""Towers over clicks: what the networks of delayed feedback are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rec.nn.between import Dropout, Norm
from rec.nn.interaction import Section
from rec.nn.layers import Sizes
from rec.nn.multitask import MultiTask
from rec.nn.numbers import NumberEmbedding, NumberEmbeddings
from rec.nn.sharing import Sharing


class ClickTowers(MultiTask):
    """A tower for each of some labels, over all rows.

    Args:
        num_field: fields of a click.
        sparse_feature_dim: width of an embedding vector.
        tower_fc_sizes: hidden layers of each tower.
        sharing: see `rec.nn.sharing`.
        interaction: what the towers' sharing sees of the fields, see `rec.nn.interaction`.
        num_number: fields that are numbers.
        field_dims: fields of other widths, by name; they stand beside the fields too.
        number_embedding: how they become vectors, see `rec.nn.numbers`; none: they stand beside the fields.
        number_embeddings: those that have an `embed` of their own in data.fields.
        dropout: share of a hidden layer's units that a step leaves out.
        norm: what the same layers' outputs are brought to mean 0 and variance 1 over, before ReLU.
    """

    def __init__(
        self,
        towers: Sequence[str],
        /,
        num_field: int,
        sparse_feature_dim: int,
        tower_fc_sizes: Sizes,
        sharing: Sharing = {"kind": "none"},  # noqa: B006 - read only
        interaction: Section = {"kind": "none"},  # noqa: B006
        num_number: int = 0,
        field_dims: Mapping[str, int] = {},
        number_embedding: NumberEmbedding = {"kind": "none"},  # noqa: B006
        number_embeddings: NumberEmbeddings = {},  # noqa: B006
        dropout: Dropout = 0.0,
        norm: Norm = "none",
    ) -> None:
        super().__init__(
            num_field, sparse_feature_dim, dict.fromkeys(towers), tower_fc_sizes, sharing,
            interaction=interaction, num_number=num_number, field_dims=field_dims, number_embedding=number_embedding,
            number_embeddings=number_embeddings, dropout=dropout, norm=norm,
        )  # fmt: skip
