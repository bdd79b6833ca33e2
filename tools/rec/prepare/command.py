"""The command line of tools/prepare.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from rec import cli
from rec.config.config import load

_EPILOG = """OUT stands in the table's place from then on: -o runner.train_data_dir=OUT (and runner.valid_data_dir=OUT,
runner.test_data_dir=OUT where those are other folders). Training on it gives the same numbers as on the table."""


def run(description: str | None) -> None:
    """Prepare the tables that `-m` names; ends the process."""
    parser = cli.bare_parser(description or "", _EPILOG)
    cli.add_config_arguments(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the prepared table")
    parser.add_argument("--force", action="store_true", help="write over what is in OUT")
    args = parser.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; nothing was written")


def _run(args: argparse.Namespace) -> None:
    config = load(args.config_yaml, args.opt)
    cli.import_paddle()
    from rec.prepare.table import prepare

    prepare(config, args.out, args.force)
