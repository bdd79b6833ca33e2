"""The command line of tools/stream.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from rec import cli
from rec.config.config import Config
from rec.config.stream import StreamSettings, read_stream
from rec.config.tree import read

_EPILOG = """The config's stream section names the columns of times and the methods; docs/delayed-feedback.md explains
it. runner.model_save_path/METHOD-SEED has hours.jsonl, a line per hour of tested clicks, and the newest checkpoint,
which infer.py and the exports take. The same command goes on where a killed one stopped, and with more methods and
seeds."""


def run(description: str | None) -> None:
    """Go through the stream that `-m` describes; ends the process."""
    parser = cli.bare_parser(description or "", _EPILOG)
    cli.add_config_arguments(parser)
    parser.add_argument("--static", action="store_true", help="in static graph (default: dynamic)")
    args = parser.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; the same command goes on from here")


def opened(path: Path, overrides: list[str]) -> tuple[Config, StreamSettings]:
    """A config file, and its stream section.

    Raises:
        UserError: it is no config, or has no such section.
    """
    source = read(path, overrides)
    settings = read_stream(source.tree, source.path)
    tree = {name: section for name, section in source.tree.items() if name != "stream"}
    return Config(source.path, tree, source.warnings, source.model_dir), settings


def _run(args: argparse.Namespace) -> None:
    config, settings = opened(args.config_yaml, args.opt)
    cli.import_paddle(config.runner.mkl_on_amd)
    from rec.stream.protocol import stream

    stream(config, settings, "static" if args.static else "dygraph")
