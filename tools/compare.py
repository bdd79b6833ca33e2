"""Compare systems as a paper does: python tools/compare.py -m models/multitask/esmm/paper.yaml

Over seeds and shares of the training data, as the config's compare section says. What is done is not done again.
"""

from pathlib import Path

from rec import cli


def main() -> None:
    args = cli.parser(__doc__ or "").parse_args()
    cli.guarded(lambda: work(Path(args.config_yaml), args.opt, args.dry_run), "interrupted; finished runs are kept")


def work(config: Path, overrides: list[str], dry_run: bool) -> None:
    cli.import_paddle()
    from rec.compare.command import compare
    from rec.compare.plan import Plan

    compare(Plan.load(config, overrides), dry_run)


if __name__ == "__main__":
    main()
