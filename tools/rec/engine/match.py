"""Checkpoint arrays against a model's own: same names, same shapes, or a clear refusal."""

from collections.abc import Mapping
from typing import Any

from rec.config.suggest import did_you_mean
from rec.errors import UserError


def check_match(found: Mapping[str, Any], expected: Mapping[str, Any], what: str, more_is_fine: bool = False) -> None:
    """Compare arrays by name and shape; `more_is_fine`: some that are not expected are passed over.

    Raises:
        UserError: listing what is missing, unexpected or of another shape.
    """
    problems = [
        f"{name} is missing{did_you_mean(name, [n for n in found if n not in expected])}"
        for name in expected
        if name not in found
    ]
    problems += [f"{name} is not part of this model" for name in found if name not in expected and not more_is_fine]
    problems += [
        f"{name} has shape {tuple(value.shape)}, the model's is {tuple(expected[name].shape)}"
        for name, value in found.items()
        if name in expected and tuple(value.shape) != tuple(expected[name].shape)
    ]
    if problems:
        more = f" (and {len(problems) - 5} more)" if len(problems) > 5 else ""
        raise UserError(f"{what} do not fit this model: {'; '.join(problems[:5])}{more}")


def check_rule(found: str, own: str) -> None:
    """Refuse the state of other optimizers than the config's; PaddleRec's checkpoints do not say (empty)."""
    if found and found != own:
        raise UserError(
            f"the checkpoint was trained with {found}, the config says {own}: set hyper_parameters.optimizer and "
            "table_optimizer as they were, or start from its weights alone with runner.model_init_path"
        )


def rule_of(dense: str, table: Any = None) -> str:
    """The class names of a model's optimizers, e.g. `Adam, table Adagrad`; `dense`: those of the network's own."""
    return dense if table is None else f"{dense}, table {table.optimizer.name}"


def by_structure(accumulators: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Rename `linear_0.w_0_moment1_0` to `tower.weight/moment1_0`; `names` maps structured to variable names.

    What belongs to no parameter keeps its name.
    """
    renamed = {}
    by_length = sorted(names.items(), key=lambda item: -len(item[1]))
    for key, value in accumulators.items():
        owner = next(((s, v) for s, v in by_length if key.startswith(v + "_")), None)
        renamed[f"{owner[0]}/{key[len(owner[1]) + 1 :]}" if owner else key] = value
    return renamed


def by_variable(accumulators: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The reverse of `by_structure`."""
    renamed = {}
    for key, value in accumulators.items():
        structured, slash, suffix = key.rpartition("/")
        renamed[f"{names[structured]}_{suffix}" if slash and structured in names else key] = value
    return renamed
