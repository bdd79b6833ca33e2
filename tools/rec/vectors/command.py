"""The command line of tools/embeddings.py."""

from __future__ import annotations

import argparse
from pathlib import Path

from rec import cli
from rec.errors import UserError

_MORE = """PATH is a checkpoint, or a folder of checkpoints, of which the best is taken where one is chosen, else the
newest. --out writes a row for each value of the fields: field, kind (value, unknown, bucket, id), the original value,
the row of the table, its count in training and its vector."""


def run(description: str | None) -> None:
    """Write, search or draw a model's vectors; ends the process where something is wrong."""
    parser = argparse.ArgumentParser(
        description=description, epilog=_MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the model")
    parser.add_argument("--field", nargs="+", default=[], metavar="NAME", help="the fields (default: all)")
    parser.add_argument("--out", type=Path, metavar="FILE", help=".parquet; of --impressions .npz")
    parser.add_argument(
        "--impressions", type=int, metavar="N",
        help="the fields' vectors of the first N impressions of the test data, an array [N, fields, width]",
    )  # fmt: skip
    parser.add_argument("--neighbours", type=int, metavar="K", help="print the K values nearest to each of --of")
    parser.add_argument("--of", nargs="+", default=[], metavar="VALUE", help="values of the field")
    parser.add_argument("--picture", type=Path, metavar="FILE", help=".png: the field's commonest values in a plane")
    args = parser.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; no file was written")


def _run(args: argparse.Namespace) -> None:
    _check(args)
    cli.import_paddle()
    from rec.vectors.work import work

    work(args.path, args.field, args.out, args.impressions, args.neighbours, args.of, args.picture)


def _check(args: argparse.Namespace) -> None:
    """Raise UserError unless the options go together."""
    by_field = bool(args.neighbours or args.picture)
    if not (args.out or by_field):
        raise UserError("nothing to do: give --out FILE, --neighbours K --of VALUE or --picture FILE")
    if args.impressions is not None and (by_field or args.field or args.of):
        raise UserError("--impressions goes with --out alone: --field, --neighbours and --picture are of the table's")
    if (args.neighbours is None) != (not args.of):
        raise UserError("--neighbours and --of go together")
    if by_field and len(args.field) != 1:
        raise UserError("--neighbours and --picture are of one --field")
    for name in ("impressions", "neighbours"):
        if vars(args)[name] is not None and vars(args)[name] < 1:
            raise UserError(f"--{name} should be at least 1")
    endings = {"out": ".parquet" if args.impressions is None else ".npz", "picture": ".png"}
    for name, ending in endings.items():
        path = vars(args)[name]
        if path is not None and path.suffix != ending:
            raise UserError(f"--{name} {path} should end in {ending}")
        if path is not None and not path.parent.is_dir():
            raise UserError(f"--{name} {path}: {path.parent} is no folder")
