"""Variables of a PIR program by the names that configs written for the old IR use, such as `softmax_0.tmp_0`."""

from __future__ import annotations

import re
from typing import Any

from rec.config.suggest import did_you_mean
from rec.errors import UserError
from rec.pir.program import Built

# The old IR named an operator's result after the operator and a running number. These are called otherwise now.
_RENAMED = {
    "elementwise_add": "add",
    "elementwise_sub": "subtract",
    "elementwise_mul": "multiply",
    "elementwise_div": "divide",
    "elementwise_max": "maximum",
    "elementwise_min": "minimum",
    "matmul_v2": "matmul",
    "mul": "matmul",
    "reduce_sum": "sum",
    "reduce_mean": "mean",
    "reshape2": "reshape",
    "squeeze2": "squeeze",
    "unsqueeze2": "unsqueeze",
    "transpose2": "transpose",
    "lookup_table_v2": "embedding",
}
_GENERATED = re.compile(r"(?P<kind>\w+?)_(?P<number>\d+)\.tmp_(?P<result>\d+)")


def feeds_by_name(built: Built, names: list[str]) -> list[Any]:
    """The fed variables of these names.

    Raises:
        UserError: listing what there is.
    """
    known = {variable.name: variable for variable in built.inputs}
    return [_one(known.get(name), name, list(known), "save_inference_feed_varnames") for name in names]


def results_by_name(built: Built, names: list[str]) -> list[Any]:
    """Variables of a program, each by the name of a fed one, the key under which the model returned it, or its name in
    the old IR: the operator's kind and number in the order of creation (`softmax_0.tmp_0`), a layer's result by its
    parameters (`linear_1.tmp_1`: after the bias; `linear_1.tmp_0`: before).

    Raises:
        UserError: listing what there is.
    """
    known = {**{variable.name: variable for variable in built.inputs}, **built.returned}
    operators = [operator for operator in built.program.global_block().ops if operator.id() not in built.helpers]
    available = [*known, *_generated_names(operators)]
    found = {name: known[name] if name in known else _by_generated_name(operators, name) for name in names}
    return [_one(found[name], name, available, "save_inference_fetch_varnames") for name in names]


def _one(variable: Any, name: str, available: list[str], setting: str) -> Any:
    if variable is None:
        raise UserError(
            f"runner.{setting}: the program has no {name}{did_you_mean(name, available)}; it has {', '.join(available)}"
        )
    return variable


def _by_generated_name(operators: list[Any], name: str) -> Any:
    match = _GENERATED.fullmatch(name)
    if match is None:
        return None
    kind, number, result = match["kind"], int(match["number"]), int(match["result"])
    parameter = f"{kind}_{number}.{'w' if result == 0 else 'b'}_0"
    users = [operator for operator in operators if parameter in _parameters_of(operator)]
    if users and kind not in ("batch_norm", "layer_norm", "embedding"):
        return users[0].results()[0]
    same = [operator for operator in operators if operator.name() == f"pd_op.{_RENAMED.get(kind, kind)}"]
    results = same[number].results() if number < len(same) else []
    return results[result] if result < len(results) else None


def _parameters_of(operator: Any) -> set[str]:
    """Names of the parameters that an operator reads."""
    sources = [source.get_defining_op() for source in operator.operands_source()]
    # An operand that is optional and absent comes from no operator.
    return {source.attrs()["parameter_name"] for source in sources if source and source.name() == "builtin.parameter"}


def _generated_names(operators: list[Any]) -> list[str]:
    """What `_by_generated_name` finds by kind and number: the result of each activation and the like."""
    counts: dict[str, int] = {}
    names = []
    for operator in operators:
        dialect, _, kind = operator.name().partition(".")
        if dialect == "pd_op" and kind in _LISTED:
            names.append(f"{kind}_{counts.setdefault(kind, 0)}.tmp_0")
            counts[kind] += 1
    return names


_LISTED = {"softmax", "sigmoid", "tanh", "relu", "concat", "clip", "mean", "sum", "log_loss", "scale"}
