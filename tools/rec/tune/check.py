"""What can be wrong with a search, said before its first trial."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rec.config.suggest import did_you_mean
from rec.console import log
from rec.errors import UserError
from rec.report.values import rankable
from rec.run.assembly import open_directory
from rec.run.directory import Directory
from rec.run.overwrite import DECISIVE
from rec.tune.plan import Plan
from rec.tune.space import Values

RUNNER = (DECISIVE | {"epochs"}) - {"seed", "label_policy"}
"""Runner settings to search. Another seed is chance, and another policy validates on other rows."""

DATA = {"fields", "min_count", "unknown_rate", "negative_rate", "hash_size"}
"""Settings of `data` to search: those that leave the rows that are validated on, and their labels, as they are."""

GRAPH = {"after", "instead_of", "implies", "given", "label", "code", "head"}
"""Settings of a behaviour that are none to search: other tasks or labels are another objective."""


def check(plan: Plan) -> None:
    """Refuse a search that no trial could be a part of. Reads no data.

    Raises:
        UserError: the config is wrong, a setting is unknown or none to search, one of its values is wrong, validation
            data are missing, or the objective is not measured.
    """
    path = plan.source.path
    problems = [problem for key in plan.tune.ranges if (problem := _not_to_search(plan, key))]
    if problems:
        raise UserError(f"{path}: " + "; ".join(problems))
    directory = open_directory(plan.config(plan.first), plan.mode)
    if not directory.native:
        _check_known(plan)
    directory.config.check([*directory.problems, *directory.missing(training=True)])
    if not directory.config.runner.valid_data_dir:
        raise UserError(
            f"{path}: a search needs validation data (runner.valid_data_dir, or of a table data.valid): no setting is "
            "chosen by training data, nor by test data"
        )
    if directory.native:
        _check_objective(plan, directory)
        _check_values(plan)


def _not_to_search(plan: Plan, key: str) -> str | None:
    """Why a setting is none to search."""
    section, *names = key.split(".")
    if section == "runner" and names[0] not in RUNNER:
        return f"tune.ranges.{key} is none to search: of runner these are, {', '.join(sorted(RUNNER))}"
    if section == "data" and names[0] not in DATA:
        hint = did_you_mean(names[0], DATA)
        return f"tune.ranges.{key} is none to search{hint}: of data these are, {', '.join(sorted(DATA))}"
    if section == "hyper_parameters" and names[0] == "behaviours" and (len(names) < 3 or names[2] in GRAPH):
        return f"tune.ranges.{key} is none to search: of behaviours anything is but {', '.join(sorted(GRAPH))}"
    if names[0] in ("behaviours", "fields") and len(names) > 1:  # another one of them would be declared
        return _not_declared(plan, key, section, names)
    return None


def _not_declared(plan: Plan, key: str, section: str, names: list[str]) -> str | None:
    given = plan.source.tree.get(section)
    declared = given.get(names[0]) if isinstance(given, Mapping) else None
    known = declared if isinstance(declared, Mapping) else {}
    if names[1] in known:
        return None
    hint = did_you_mean(names[1], list(known))
    return f"tune.ranges.{key}: {section}.{names[0]} of the config has no {names[1]}{hint}"


def _check_known(plan: Plan) -> None:
    """A directory of PaddleRec's does not say what it reads: what its config does not hold is taken for misspelt."""
    known = list(plan.config({}))
    for key in plan.tune.ranges:
        if not any(name == key or name.startswith(f"{key}.") for name in known):
            raise UserError(
                f"{plan.source.path}: tune.ranges.{key}: the config has no such setting{did_you_mean(key, known)}; "
                "of a PaddleRec directory only these can be searched"
            )


def _check_objective(plan: Plan, directory: Directory) -> None:
    known, name = rankable(directory.tasks()), plan.tune.objective
    if name not in known:
        raise UserError(
            f"{plan.source.path}: tune.objective: {name} is not measured{did_you_mean(name, known)}; one of "
            f"{', '.join(known)}"
        )


def _check_values(plan: Plan) -> None:
    """Each end of a range, and each choice, beside the first values of the others."""
    for key, each in plan.tune.ranges.items():
        for value in each.ends[1:]:
            with _silent():
                problems = _problems(plan, {**plan.first, key: value})
            if problems:
                raise UserError(f"{plan.source.path}: tune.ranges.{key}, with {value!r}: " + "; ".join(problems))


def _problems(plan: Plan, values: Values) -> list[str]:
    directory = open_directory(plan.config(values), plan.mode)
    found = list(dict.fromkeys([*directory.config.problems, *directory.problems]))
    if not found:
        directory.tasks()  # builds the network
    return found


@contextmanager
def _silent() -> Iterator[None]:
    """Without the warnings that the first values have had."""
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
