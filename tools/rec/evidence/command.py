"""The command line of tools/report.py."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rec import cli
from rec.config.config import load
from rec.console import log
from rec.errors import UserError
from rec.evidence.options import ITEMS, USERS, Options

_ABOUT = """RUN is a folder of checkpoints (runner.model_save_path), of which the best is taken if runner.best_metric or
early_stop chose one, else the newest; or one checkpoint. With -m CONFIG it is the folder that the config names, and the
config's settings hold instead of those that the checkpoint was trained with. Two RUNs and more are compared on the same
test rows."""


def run(description: str | None) -> None:
    """Write a report; ends the process."""
    args = _parser(description).parse_args()
    cli.guarded(lambda: _run(args), "interrupted; no file was written")


def _parser(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, epilog=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="*", metavar="RUN", help="folder of checkpoints, or a checkpoint")
    parser.add_argument("-m", "--config_yaml", metavar="CONFIG", help="config file, in place of RUN")
    parser.add_argument(
        "-o", "--opt", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="settings that override the config's, e.g. -o runner.test_data_dir=FOLDER",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, metavar="FILE", help="the page (default: report.html or comparison.html in RUN)"
    )
    parser.add_argument("--item", metavar="FIELD", help=f"field of items (default: the first of {', '.join(ITEMS)})")
    parser.add_argument("--user", metavar="FIELD", help=f"field of users (default: the first of {', '.join(USERS)})")
    parser.add_argument(
        "--segments", nargs="+", default=[], metavar="COLUMN",
        help="what rows are told apart by, as in runner.segments (default: these, or else fields with few values)",
    )  # fmt: skip
    parser.add_argument(
        "--permutations", type=int, default=Options.permutations, metavar="N",
        help="of each field, for its importance, which takes the longest; 0: left out (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--rows", type=int, default=Options.rows, metavar="N",
        help="test rows that importance and gates are measured on (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--leave-out", action="store_true",
        help="train the run's config again without each behaviour's loss, and show what that changes for the others; "
        "the trainings stay in RUN/without-BEHAVIOUR",
    )  # fmt: skip
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language that the page shows at first")
    return parser


def _run(args: argparse.Namespace) -> None:
    if bool(args.config_yaml) == bool(args.runs):
        raise UserError("name either RUN, one or more, or -m CONFIG")
    if args.permutations < 0 or args.rows < 1:
        raise UserError("--permutations should be 0 or more, --rows 1 or more")
    options = Options(
        args.item, args.user, tuple(args.segments), args.permutations, args.rows, args.lang, args.leave_out
    )
    if args.leave_out and len(args.runs) > 1:
        raise UserError("--leave-out is of one RUN")
    given = load(args.config_yaml, args.opt) if args.config_yaml else None
    cli.import_paddle(True if given is None else given.runner.mkl_on_amd)
    from rec.evidence.opened import checkpoint_in, config_in, open_run, renamed, saved
    from rec.evidence.report import compare, report

    checkpoints = [checkpoint_in(run) for run in args.runs] if given is None else [saved(given)]
    opened = [open_run(given or config_in(each, args.opt), each, options) for each in checkpoints]
    several = len(opened) > 1
    target = args.to or checkpoints[0].parent / ("comparison.html" if several else "report.html")
    page = compare(renamed(opened), options) if several else report(opened[0], options)
    _write(target, page)
    log.info("written: %s", target.resolve())


def _write(target: Path, page: str) -> None:
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from None
