"""The command line of tools/daily.py."""

from __future__ import annotations

import argparse

from rec import cli
from rec.config.config import load

_EPILOG = """runner.train_data_dir names the days: a list of folders or files in their order, a pattern such as
log/day-*, or a folder of folders called key=value. A day's checkpoints go to runner.model_save_path/DAY, and what the
day before's model made of it to daily.csv there. The same command goes on where a killed one stopped, and with new
days."""


def run(description: str | None) -> None:
    """Walk over the days that `-m` names; ends the process."""
    parser = cli.bare_parser(description or "", _EPILOG)
    cli.add_config_arguments(parser)
    parser.add_argument("--static", action="store_true", help="in static graph (default: dynamic)")
    args = parser.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; the same command goes on from here")


def _run(args: argparse.Namespace) -> None:
    config = load(args.config_yaml, args.opt)
    cli.import_paddle(config.runner.mkl_on_amd)
    from rec.daily.walk import walk

    walk(config, "static" if args.static else "dygraph")
