"""The command line of tools/prepare.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rec import cli
from rec.config.config import load

if TYPE_CHECKING:
    from rec.prepare.hands import Hands

_EPILOG = """OUT stands in the table's place from then on: -o runner.train_data_dir=OUT (and runner.valid_data_dir=OUT,
runner.test_data_dir=OUT where those are other folders). Training on it gives the same numbers as on the table."""


_SPARK = """
The table, OUT and this checkout must be at the same paths for the driver and all workers, whose Python
(PYSPARK_PYTHON) has what requirements.txt lists."""


def run(description: str | None, spark: bool = False) -> None:
    """Prepare the tables that `-m` names, by this process or by a Spark cluster; ends the process."""
    parser = cli.bare_parser(description or "", _EPILOG + (_SPARK if spark else ""))
    cli.add_config_arguments(parser)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder of the prepared table")
    parser.add_argument("--force", action="store_true", help="write over what is in OUT")
    if spark:
        parser.add_argument("--master", help="of the cluster (default: spark-submit's, else local[*])")
    args = parser.parse_args()
    cli.guarded(lambda: (_by_spark if spark else _run)(args), "interrupted; nothing was written")


def _by_spark(args: argparse.Namespace) -> None:
    from rec.prepare.spark import BySpark, Spread

    spread = Spread(args.master)
    try:
        _run(args, BySpark(spread))
    finally:
        spread.stop()


def _run(args: argparse.Namespace, hands: Hands | None = None) -> None:
    config = load(args.config_yaml, args.opt)
    cli.import_paddle()
    from rec.prepare.table import prepare

    prepare(config, args.out, args.force, hands)
