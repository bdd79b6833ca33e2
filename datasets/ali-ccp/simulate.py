"""Simulate Ali-CCP: raw files of the release's format at any size, with labels drawn from a known truth."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from rich.console import Console
from rich.progress import Progress

from rec.output import all_or_nothing
from simulation.options import mistakes_in_one_line, new_parser, settings_of, within
from simulation.report import table
from simulation.run import PARTS, Simulation
from simulation.settings import Settings

_ABOUT = """\
truth_train.parquet and truth_test.parquet hold sample_id, p_click, p_conversion (given a click) and
p_click_conversion of every exposure, clicked or not, in file order: the probabilities that its labels were drawn
with. They know all that ids, position and time can tell, and average over what differs from exposure to exposure
(--learnability). p_click_given_inputs also averages over position and time, which no field tells, so that its AUC, the
ceiling, is what the best model could reach and not a matter of luck.

Users, items, shops and brands grow with --exposures, so that each is seen as often as in the release; categories and
intention nodes grow with its square root.

The bundled demo data, models/multitask/esmm/data, are the two text files of
  python datasets/ali-ccp/simulate.py OUT {demo}
and models/multitask/data/behaviours is OUT after
  python datasets/ali-ccp/simulate.py RAW {behaviours}
  python datasets/ali-ccp/prepare.py RAW OUT --valid 0
"""
DEMO = (
    "--lines --exposures 8000 --test-exposures 3000 --seed 7 --click-rate 0.2 --conversion-rate 0.25 "
    "--learnability 0.9 --history-scale 0.012 --exposures-per-common 10"
)
BEHAVIOURS_DEMO = (
    "--behaviours --position-effect 0.7 --exposures 6000 --test-exposures 2000 --seed 7 --click-rate 0.2 "
    "--conversion-rate 0.25 --learnability 0.9 --history-scale 0.012 --exposures-per-common 20"
)


def _parser() -> argparse.ArgumentParser:
    about = _ABOUT.format(demo=DEMO, behaviours=BEHAVIOURS_DEMO)
    parser = new_parser("simulate.py", str(__doc__), about, Settings)
    parser.add_argument("--lines", action="store_true", help="write joined lines for text readers, not raw files")
    parser.add_argument(
        "--behaviours", action="store_true", help="also write behaviours_*.parquet: carts, likes, watch time, ..."
    )
    cores = os.cpu_count() or 1
    parser.add_argument("--threads", type=within(int, 1, 256), default=cores, metavar="X", help="default: all cores")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate as the command line says, and report on it."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    settings = settings_of(given, Settings)
    if settings.position_effect and not given["behaviours"]:
        parser.error("--position-effect needs --behaviours, which says what stands where")
    if settings.hidden_confounding and given["behaviours"]:
        parser.error("--hidden-confounding goes without --behaviours: carts are drawn from what fields tell")
    console = Console()
    with (
        mistakes_in_one_line(parser),
        all_or_nothing(given["out"], given["force"]) as folder,
        Progress(console=console, disable=not console.is_terminal, transient=True) as progress,
    ):
        simulation = Simulation(settings, folder, given["lines"], given["behaviours"], given["threads"], progress)
        tallies = {name: simulation.write(name) for name in PARTS}
    console.print(table(tallies))
    if given["lines"]:
        console.print(f"ids: 0 .. {simulation.numbers[0] - 1}")


if __name__ == "__main__":
    main()
