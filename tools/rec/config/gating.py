"""What of gating's section concerns the fields: those whose vectors set gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rec.config.interaction import attended
from rec.config.suggest import did_you_mean


def not_priors(hyper_parameters: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """A line for each name in `hyper_parameters.gating` that is no field of one vector of the network's width.

    What else is wrong with the section is said elsewhere.
    """
    section = hyper_parameters.get("gating")
    if not isinstance(section, Mapping):
        return []
    dims, histories = hyper_parameters.get("field_dims") or {}, attended(hyper_parameters).queries
    problems = []
    for key in ("domain", "personal"):
        names = section.get(key)
        for name in names if isinstance(names, list | tuple) else ():
            where = f"hyper_parameters.gating.{key}: {name}"
            if name not in fields:
                problems.append(f"{where} is not among the fields: {', '.join(fields)}{did_you_mean(name, fields)}")
            elif name in dims:
                problems.append(
                    f"{where} has vectors of width {dims[name]}: leave its dim out, as gates take equal ones"
                )
            elif name in histories:
                problems.append(f"{where} is a history that is attended over; name a field of one vector")
    return problems
