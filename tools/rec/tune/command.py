"""The search's command line."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from rec import cli
from rec.errors import UserError


def run(description: str | None) -> None:
    """Search what the tune section of `-m CONFIG` says, or go on with it; ends the process where something is wrong."""
    options = cli.parser(description or "")
    options.add_argument(
        "--mode", choices=("dygraph", "static"), default="dygraph", help="the graph mode to train in [%(default)s]"
    )
    options.add_argument("--restart", action="store_true", help="delete the trials under tune.out, and begin anew")
    args = options.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; the same command goes on")


def _run(args: argparse.Namespace) -> None:
    if find_spec("optuna") is None:
        raise UserError("the search needs Optuna: pip install -r requirements-tune.txt")
    cli.import_paddle()
    from rec.tune.check import check
    from rec.tune.plan import Plan
    from rec.tune.work import dry_run, search

    plan = Plan.load(Path(args.config_yaml), args.opt, args.mode)
    check(plan)
    if args.dry_run:
        dry_run(plan)
    else:
        search(plan, args.restart)
