"""The command line of tools/fuse.py."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from rec import cli
from rec.errors import UserError
from rec.fuse.rows import CLICKS, GMV, ORDERS, Names

_MORE = """PREDICTIONS are files that tools/infer.py writes (runner.predict_save_path), or folders of checkpoints with
the predictions.parquet of runner.use_save_data. Several are of several models on the same rows, NAME=FILE each: their
columns are then NAME.pctr and so on. data.keep passes columns such as request_id and price on to predictions."""

_FORMS = ("power", "additive", "logistic")


def run(description: str | None) -> None:
    """Search a ranking formula; ends the process where something is wrong."""
    parser = argparse.ArgumentParser(
        description=description, epilog=_MORE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("predictions", nargs="+", metavar="PREDICTIONS", help="what is fused")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help="the folder to write")
    parser.add_argument("--request", default="request_id", metavar="COLUMN", help="the request of a row [%(default)s]")
    parser.add_argument("--click", default="click", metavar="COLUMN", help="the label of a click [%(default)s]")
    parser.add_argument("--order", default="conversion", metavar="COLUMN", help="that of an order [%(default)s]")
    parser.add_argument("--price", metavar="COLUMN", help="what an order brings; without it no GMV is counted")
    parser.add_argument("--day", metavar="COLUMN", help="the day of a row, by which the formula is judged too")
    parser.add_argument(
        "--terms", nargs="+", default=[], metavar="COLUMN", help="default: each pctr and pcvr, the price"
    )
    parser.add_argument("--columns", type=Path, metavar="FILE", help=".parquet or .csv: more columns, by sample_id")
    parser.add_argument(
        "--objective", nargs="+", default=[], metavar="NAME=WEIGHT",
        help=f"what is maximised, a weighted sum of {CLICKS}, {ORDERS} and {GMV}, such as clicks=0.2 gmv=1 (default: "
        f"{GMV}, without a price {ORDERS})",
    )  # fmt: skip
    parser.add_argument("--k", type=int, default=5, metavar="K", help="places of a request that count [%(default)s]")
    parser.add_argument("--forms", nargs="+", choices=_FORMS, default=list(_FORMS), help="that are tried [all]")
    parser.add_argument("--trials", type=int, default=200, metavar="N", help="of each form searched [%(default)s]")
    parser.add_argument(
        "--held-out", type=float, default=0.5, metavar="SHARE", help="of requests, to judge [%(default)s]"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the parts and the search [%(default)s]")
    parser.add_argument("--into", type=Path, metavar="EXPORT", help="write the formula into an exported model too")
    args = parser.parse_args()
    cli.guarded(lambda: _run(args), "interrupted; nothing was written")


def _run(args: argparse.Namespace) -> None:
    objective = _weights(args.objective)
    if args.k < 1 or args.trials < 1 or not 0 < args.held_out < 1:
        raise UserError("--k and --trials should be at least 1, --held-out between 0 and 1")
    if set(args.forms) - {"logistic"} and find_spec("optuna") is None:
        raise UserError("the search needs Optuna: pip install -r requirements-tune.txt (--forms logistic does without)")
    from rec.fuse.into import Exported
    from rec.fuse.sources import read_sources
    from rec.fuse.work import Plan, check_place, fuse

    check_place(args.to)
    exported = Exported(args.into, len(args.predictions)) if args.into else None
    table = read_sources(
        args.predictions, (args.click, args.order), args.columns, [each for each in (args.request, args.day) if each]
    )
    names = Names(args.request, args.click, args.order, args.price, args.day, args.terms)
    plan = Plan(objective, args.k, list(dict.fromkeys(args.forms)), args.trials, args.held_out, args.seed)
    formula = fuse(table, names, plan, args.to)
    if exported:
        exported.take(formula)


def _weights(given: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for each in given:
        name, _, weight = each.partition("=")
        if name in found:
            raise UserError(f"--objective {each}: {name} has a weight already")
        try:
            found[name] = float(weight or 1)
        except ValueError:
            raise UserError(f"--objective {each}: expected NAME=WEIGHT, such as {GMV}=1") from None
        if name not in (CLICKS, ORDERS, GMV) or not 0 < found[name] < float("inf"):
            raise UserError(f"--objective {each}: expected {CLICKS}, {ORDERS} or {GMV} with a weight above 0")
    return found
