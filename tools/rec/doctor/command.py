"""The doctor's command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rec import cli
from rec.config.config import load

_EPILOG = """checks: config keys against model, reader and tools; the first and random rows (values, ids, missing and
constant fields, repeated rows); label rates and contradictions; positives enough for an AUC; a field or id that alone
predicts a label (leakage); test rows seen in training; memory, disk and time; a trial of 20 steps in memory (loss,
gradients, dead or saturated towers, collapsed CVR).

exit code: 0 nothing is wrong (there may be warnings), 1 something is, 2 the config cannot be read. Nothing is written
but the JSON file."""


def run(description: str | None) -> None:
    """Examine what `-m` names, print and write what was found; ends the process."""
    parser = cli.bare_parser(description or "", _EPILOG)
    cli.add_config_arguments(parser)
    parser.add_argument(
        "--mode", choices=("dygraph", "static"), default="dygraph", help="the graph mode to train in [%(default)s]"
    )
    parser.add_argument(
        "--json", type=Path, default=Path("doctor.json"), metavar="FILE",
        help="where the findings go, by default %(default)s in the working directory",
    )  # fmt: skip
    args = parser.parse_args()
    cli.guarded(lambda: sys.exit(_run(args)), "interrupted; nothing was written")


def _run(args: argparse.Namespace) -> int:
    config = load(args.config_yaml, args.opt)
    cli.import_paddle()
    from rec.doctor.examine import examine
    from rec.doctor.finding import worst
    from rec.doctor.report import print_findings, write_json

    findings = list(examine(config, args.mode))
    print_findings(findings)
    write_json(args.json, {"config": args.config_yaml, "overrides": args.opt, "mode": args.mode}, findings)
    return int(worst(findings) == "wrong")
