"""The reference of `hyper_parameters`: optimizers, table, reader, and the parameters of a network and of its parts.

What is declared by networks needs Paddle, whose import takes seconds; the other references do without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rec.config.bind import parameters
from rec.config.hyper import MORE, NUMBERS
from rec.config.parts import Registry
from rec.config.schedule import Schedule
from rec.contract.native import DENSE_OPTIMIZERS, TableSettings
from rec.data.reader import ReaderSettings
from rec.help.entries import heading, of_callable, of_model, shown_default
from rec.nn.gating import REGISTRY as GATINGS
from rec.nn.interaction import REGISTRY as INTERACTIONS
from rec.nn.network import Network
from rec.nn.numbers import REGISTRY as NUMBERS_AS_VECTORS
from rec.nn.sharing import REGISTRY as SHARINGS
from rec.nn.unclicked import REGISTRY as UNCLICKED
from rec.nn.weighting import REGISTRY as WEIGHTINGS
from rec.table.optimizer import OPTIMIZERS

_DERIVED = {
    "num_field": "as many as fields",
    "num_number": "as many as the data has",
    "field_dims": "those of data.fields",
    "number_embeddings": "those of data.fields",
}

_SECTIONS = {
    "sharing": SHARINGS, "interaction": INTERACTIONS, "number_embedding": NUMBERS_AS_VECTORS, "weighting": WEIGHTINGS,
    "unclicked": UNCLICKED, "gating": GATINGS,
}  # fmt: skip


def hyper_parameters(network: type[Network]) -> str:
    """Every hyper-parameter of a model directory with this network."""
    lines = [
        "hyper_parameters (in the config file under hyper_parameters:, or -o hyper_parameters.NAME=VALUE)",
        "",
        "optimizer: section such as {class: Adam, learning_rate: 0.001}, of the network's own parameters",
        *_optimizers(DENSE_OPTIMIZERS),
        f"  and of any class: {', '.join(MORE['optimizer'])} (see docs/training.md)",
        "table_optimizer: the same of the embedding table, whose batch's rows alone are updated; absent: as optimizer",
        *_optimizers(OPTIMIZERS),
        f"  and of any class: {', '.join(MORE['table_optimizer'])}, of the batch's rows",
        "learning_rate: a number, or a schedule:",
        *of_model(Schedule, 4),
        "",
        *heading("embedding table:", TableSettings),
        *of_callable(TableSettings),
        "",
        *heading("reader:", ReaderSettings),
        *of_callable(ReaderSettings, without=list(parameters(TableSettings))),
        "",
        *heading(f"network {network.__name__}:", network),
        *of_callable(network, without=list(parameters(TableSettings)), derived=_DERIVED),
    ]
    for name, kinds in _SECTIONS.items():
        if name in parameters(network):
            lines += ["", f"{name}: section such as {{kind: {next(iter(kinds.classes))}}}, by kind", *_kinds(kinds)]
    if "behaviours" in parameters(network):
        lines += ["", "behaviours: --help behaviours"]
    return "\n".join(lines)


def _optimizers(classes: Mapping[str, Callable[..., Any]]) -> list[str]:
    lines = []
    for name, target in classes.items():
        given = [f"{key} [{shown_default(p)}]" for key, p in parameters(target).items() if key in NUMBERS]
        lines.append(f"  {name}: {', '.join(given)}")
    return lines


def _kinds(kinds: Registry) -> list[str]:
    lines = []
    for kind, target in kinds.classes.items():
        settings = kinds.settings(kind)
        lines += heading(f"{kind}:", target, indent=2)
        lines += of_callable(target, indent=6, without=[name for name in parameters(target) if name not in settings])
    return lines
