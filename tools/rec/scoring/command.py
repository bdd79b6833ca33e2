"""The command lines of tools/export.py, tools/score.py and tools/delta.py."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from rec import cli
from rec.config.config import load
from rec.errors import UserError

_EXPORT = """The folder holds the model for ONNX Runtime and for Paddle Inference, the vocabulary, and a page that says
what it is. It is made only if both predict what the trained model does. tools/score.py and rec.scoring.Scorer score raw
rows with it, without the model directory and its data."""

_DELTA = """The delta holds the rows of the embedding table that changed or are new, the network, and the vocabulary.
What it makes of OLD is NEW to the byte; a service over the folder takes it without a restart."""

_SCORE = """PATH is a folder that tools/export.py made, a checkpoint, or a folder of checkpoints. Rows are a file of
JSON lines (.jsonl), or what a config's table may be (.csv, .tsv, .parquet, .feather, also compressed), or JSON lines
from standard input (-)."""


def run_export(description: str | None) -> None:
    """Export the model that `-m` names; ends the process."""
    parser = cli.bare_parser(description or "", _EXPORT)
    cli.add_config_arguments(parser)
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="the folder to make (default: export beside the checkpoint)"
    )
    parser.add_argument(
        "--rows", choices=("float32", "float16", "int8"), default="float32",
        help="how the ONNX model stores the embedding table's rows; what that changes is measured (default: float32)",
    )  # fmt: skip
    args = parser.parse_args()
    cli.guarded(lambda: _export(args), "interrupted; nothing was written")


def _export(args: argparse.Namespace) -> None:
    config = load(args.config_yaml, args.opt)
    absent = [name for name in ("onnx", "paddle2onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if absent:
        raise UserError(f"tools/export.py needs {' and '.join(absent)}: pip install -r requirements-export.txt")
    cli.import_paddle(config.runner.mkl_on_amd)
    from rec.run.assembly import assemble
    from rec.scoring.export import export

    export(assemble(config, "dygraph", "infer"), args.to, args.rows)


def run_score(description: str | None) -> None:
    """Score a file of raw rows; ends the process."""
    parser = argparse.ArgumentParser(
        description=description, epilog=_SCORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the model")
    parser.add_argument("--input", required=True, metavar="FILE", help="the rows; -: JSON lines from standard input")
    parser.add_argument("--output", default="-", metavar="FILE", help=".jsonl, .csv or .parquet; -: standard output")
    parser.add_argument("--keep", nargs="+", default=[], metavar="COLUMN", help="columns of the rows to write besides")
    args = parser.parse_args()
    cli.guarded(lambda: _score(args), "interrupted; no file was written")


def run_delta(description: str | None) -> None:
    """Make the delta of two exports, or apply one; ends the process."""
    parser = argparse.ArgumentParser(
        description=description, epilog=_DELTA, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    made = kinds.add_parser("make", help="write what differs between two exports")
    made.add_argument("before", type=Path, metavar="OLD", help="the export that there is")
    made.add_argument("after", type=Path, metavar="NEW", help="the one that it is to become")
    made.add_argument("--to", type=Path, required=True, metavar="DELTA", help="the folder to make")
    applied = kinds.add_parser("apply", help="make the next export of one, in its place")
    applied.add_argument("delta", type=Path, metavar="DELTA")
    applied.add_argument("export", type=Path, metavar="EXPORT", help="the export that the delta begins with")
    args = parser.parse_args()
    cli.guarded(lambda: _delta(args), "interrupted; nothing was changed")


def _delta(args: argparse.Namespace) -> None:
    from rec.scoring import delta

    if args.kind == "make":
        delta.make(args.before, args.after, args.to)
    else:
        delta.apply(args.delta, args.export)


def _score(args: argparse.Namespace) -> None:
    if not (args.path / "export.json").is_file():
        cli.import_paddle()
    from rec.scoring.files import score_file

    score_file(args.path, args.input, args.output, args.keep)
