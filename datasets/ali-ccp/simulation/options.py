"""Command lines that are made of settings: an option per knob, and every mistake in one line."""

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from rec.errors import UserError

Settings = TypeVar("Settings")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def within(kind: type, low: float, high: float) -> Callable[[str], Any]:
    """A parser of whole numbers (kind int) or of numbers (float) from `low` to `high`."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"should be {what} from {low:g} to {high:g}, got {text!r}")
        return value

    return parse


def new_parser(name: str, about: str, more: str, settings: type) -> argparse.ArgumentParser:
    """A parser with OUT, --force and an option for each field of the dataclass `settings`, whose fields are knobs."""
    style = argparse.RawDescriptionHelpFormatter
    parser = _Parser(prog=name, description=about, epilog=more, formatter_class=style)
    parser.add_argument("out", metavar="OUT", type=Path, help="folder for the files; they appear there when complete")
    for knob in dataclasses.fields(settings):
        option, required = "--" + knob.name.replace("_", "-"), knob.default is dataclasses.MISSING
        text = knob.metadata["help"] + ("" if required or knob.default is None else f" (default: {knob.default})")
        given: dict[str, Any] = {"default": None if required else knob.default, "required": required, "help": text}
        if choices := knob.metadata.get("choices"):
            parser.add_argument(option, choices=choices, **given)
        else:
            kind = within(knob.type, knob.metadata["low"], knob.metadata["high"])
            parser.add_argument(option, type=kind, metavar="X", **given)
    parser.add_argument("--force", action="store_true", help="write over files in OUT")
    return parser


def settings_of(given: Mapping[str, Any], settings: type[Settings]) -> Settings:
    """The settings that parsed arguments give."""
    return settings(**{knob.name: given[knob.name] for knob in dataclasses.fields(settings)})  # type: ignore[arg-type]


@contextmanager
def mistakes_in_one_line(parser: argparse.ArgumentParser) -> Iterator[None]:
    """End the process with one line where a user's mistake, the disk or Ctrl-C ends the block."""
    try:
        yield
    except (UserError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: interrupted, nothing was written\n")
