"""What is wrong with a config's own sections, found in one place and without changing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from rec.config.metrics import parse
from rec.config.paths import is_remote
from rec.config.settings import RunnerSettings
from rec.config.suggest import did_you_mean
from rec.config.tune import read as read_tune

SECTIONS = ("workspace", "runner", "hyper_parameters", "data", "last_epoch", "compare", "tune", "stream", "model")

_ON_DISK = (
    "model_save_path", "model_init_path", "warm_start", "infer_load_path", "predict_save_path", "out_vec_path",
)  # fmt: skip
"""Runner settings that are places of this machine."""

_KINDS = {
    "int_type": "an int",
    "bool_type": "true or false",
    "string_type": "text",
    "float_type": "a number",
    "int_from_float": "an int",
    "list_type": "a list",
}


def check_tree(tree: Mapping[str, Any], flat: Mapping[str, Any]) -> tuple[RunnerSettings, int, list[str]]:
    """The runner settings and `last_epoch` of a config, and everything that is wrong, a line each.

    A setting that is wrong has its default, so that whoever goes on finds what else is wrong.

    Args:
        tree: the sections.
        flat: the same by dotted keys.
    """
    parents = {key: key.rpartition(".")[0] for key in flat}
    problems = [f"{parent} is a value, but there is also {key}" for key, parent in parents.items() if parent in flat]
    runner, of_runner = _runner(tree.get("runner") or {})
    epoch, of_epoch = _last_epoch(tree.get("last_epoch", -1))
    for name in _ON_DISK:
        found = flat.get(f"runner.{name}")
        if is_remote(str(found)):
            problems.append(
                f"runner.{name} should be a place of this machine, got {found!r}: only data may be elsewhere"
            )
    _, of_tune = read_tune(tree)
    return runner, epoch, [*problems, *of_runner, *of_epoch, *parse(runner).problems, *of_tune]


def unknown_sections(tree: Mapping[str, Any]) -> list[str]:
    """A line for each section that means nothing."""
    return [
        f"{key} is not a section (expected runner or hyper_parameters){did_you_mean(key, SECTIONS)}"
        for key in tree
        if key not in SECTIONS
    ]


def _runner(given: Any) -> tuple[RunnerSettings, list[str]]:
    if not isinstance(given, Mapping):
        return RunnerSettings(), [f"runner should be a mapping, got {given!r}"]
    values = {str(key): value for key, value in given.items()}
    try:
        return RunnerSettings(**values), []
    except ValidationError as error:
        bad: dict[str, list[Any]] = {}
        for problem in error.errors():
            bad.setdefault(_place(problem["loc"]), []).append(problem)
        problems = [f"runner.{key} {_expectation(key, each)}, got {each[-1]['input']!r}" for key, each in bad.items()]
        wrong = {key.partition(".")[0] for key in bad}
        return RunnerSettings(**{key: value for key, value in values.items() if key not in wrong}), problems


def _place(location: Sequence[Any]) -> str:
    """The setting that pydantic speaks of; of a setting that is a section the key within it."""
    name = str(location[0])
    kinds = get_args(RunnerSettings.model_fields[name].annotation)
    is_section = any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds)
    return ".".join(map(str, location)) if is_section else name


def _last_epoch(given: Any) -> tuple[int, list[str]]:
    if isinstance(given, int) and not isinstance(given, bool) and given >= -1:
        return given, []
    return -1, [f"last_epoch should be the number of a trained epoch, or -1 for none, got {given!r}"]


def _expectation(key: str, problems: Sequence[Any]) -> str:
    """What a setting should be, of which each type that it may have is a problem."""
    kinds = [_KINDS.get(problem["type"]) for problem in problems]
    if None in kinds:
        return problems[-1]["msg"].replace("Input should", "should")
    field = RunnerSettings.model_fields.get(key)
    optional = field is not None and field.default is None
    return "should be " + " or ".join(dict.fromkeys([*map(str, kinds), *["null"] * optional]))
