"""Simulate a shop's log as a table: ids, numbers, ordered histories, new users and items, and a known truth."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from rich.console import Console
from rich.progress import Progress

from rec.output import all_or_nothing
from simulation.log.files import FORMATS
from simulation.log.report import table
from simulation.log.run import Log
from simulation.log.settings import LogSettings
from simulation.options import mistakes_in_one_line, new_parser, settings_of

_ABOUT = """\
OUT/train.parquet and OUT/test.parquet (or .csv) hold a row per impression, in the order of time: 13 days, and the 14th
for test; with --days N instead OUT/day-01.parquet and so on, N of them. A history holds what its user clicked before
the row's request, in any file. p_click and p_conversion are the probabilities that the labels were drawn with. The
columns: README.md.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate as the command line says, and report on it."""
    parser = new_parser("simulate_table.py", str(__doc__), _ABOUT, LogSettings)
    parser.add_argument("--format", choices=FORMATS, default="parquet", help="of the files (default: parquet)")
    given = vars(parser.parse_args(arguments))
    settings = settings_of(given, LogSettings)
    console = Console()
    with (
        mistakes_in_one_line(parser),
        all_or_nothing(given["out"], given["force"]) as folder,
        Progress(console=console, disable=not console.is_terminal, transient=True) as progress,
    ):
        log, tallies = Log(settings), {}
        for name, part in log.parts.items():
            bar = progress.add_task(name, total=part.impressions)
            path = folder / f"{name}.{given['format']}"
            tallies[name] = log.write(name, path, given["format"], partial(progress.advance, bar))
    console.print(table(tallies))


if __name__ == "__main__":
    main()
