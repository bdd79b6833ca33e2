"""YAML as users mean it: 1e-3 is a number, a key given twice is noticed, and an error names file and line."""

import re
from pathlib import Path
from typing import Any

import yaml

from rec.errors import UserError


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's numbers, which notes the keys that are given twice; the last one counts.

    YAML 1.1 reads 1e-3 as text, Ali-CCP's field name 109_14 as the number 10914, 010 as 8, and 2026-05-07 as an object
    of Python's, which is a text here.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[tuple[str, yaml.Mark]] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            key = key_node.value
            if isinstance(key, str) and key != "<<" and key in seen:
                self.twice.append((key, key_node.start_mark))
            seen.add(str(key))
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Decimal, leading zeros or not, or 0x and hexadecimal digits."""
        text = str(self.construct_scalar(node))
        return int(text, 16 if text.startswith("0x") else 10)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)

_NUMBERS = {
    "tag:yaml.org,2002:int": r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$",
    "tag:yaml.org,2002:float": r"^(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan)$",
}
_TIME = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (*_NUMBERS, _TIME)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+0123456789."))


class _Dumper(yaml.SafeDumper):
    """SafeDumper that also quotes texts which only the loader above reads as numbers, such as 1e3."""


_ours, _yamls = _Loader.yaml_implicit_resolvers, yaml.SafeDumper.yaml_implicit_resolvers
_Dumper.yaml_implicit_resolvers = {
    first: [*_yamls.get(first, []), *_ours.get(first, [])] for first in {*_ours, *_yamls}
}


def dump(tree: Any) -> str:
    """YAML that `parse` reads back as the same tree."""
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def parse(text: str) -> Any:
    """One YAML value, e.g. the right-hand side of `-o key=value`. Raises yaml.YAMLError."""
    return _load(text, [])


def _load(text: str, twice: list[tuple[str, yaml.Mark]]) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        twice += loader.twice
        loader.dispose()


def read(path: Path, oddities: list[str]) -> dict[str, Any]:
    """The mapping in a YAML file; keys given twice are added to `oddities`. Raises UserError naming file and line."""
    try:
        if path.is_dir():
            raise UserError(f"{path}: is a directory; expected a YAML file such as {path / 'config.yaml'}")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give the path of a config file with -m") from None
    except OSError as error:
        raise UserError(f"{str(path)[:200]}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # no UTF-8, or a path with a null byte
        raise UserError(f"{str(path)!r}: cannot be read: {error}") from None
    twice: list[tuple[str, yaml.Mark]] = []
    try:
        value = _load(text, twice)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{where}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a mapping with runner and hyper_parameters, found {type(value).__name__}")
    oddities += [f"key {key!r} is given twice (line {mark.line + 1}; the last one counts)" for key, mark in twice]
    return value
