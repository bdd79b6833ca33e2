"""Turn raw Ali-CCP into columns: python datasets/ali-ccp/prepare.py RAW OUT

RAW holds sample_train.tar.gz and sample_test.tar.gz (read as they are, nothing is unpacked to disk), or the CSV files
from them. OUT gets schema.json, vocabulary.parquet, waiting.parquet, report.json and, for train, valid and test,
Parquet files of exposures and of the common rows that they refer to.
"""

import argparse
import errno
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import pyarrow as pa
from rich.console import Console

from preparation.earlier import Earlier, read_earlier
from preparation.pipeline import Settings, prepare
from preparation.show import show
from rec.errors import UserError
from rec.memory import return_freed_memory


def _share(text: str) -> float:
    if not 0 <= (share := float(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not in [0, 1)")
    return share


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("raw", type=Path, metavar="RAW", help="folder of the raw files")
    add("out", type=Path, metavar="OUT", help="folder of the prepared data; also holds the temporary files")
    add("--min-count", type=_positive, help="ids that occur less often in training are unknown (default: 1, or OLD's)")
    add("--extend", type=Path, metavar="OLD", help="data prepared before: ids, counts and settings go on from theirs")
    add("--valid", type=_share, help="share of training users held out for validation (default: 0.05, or OLD's)")
    add("--on-error", choices=("fail", "skip"), default="fail", help="what a bad row does (default: fail)")
    add("--workers", type=_positive, default=len(os.sched_getaffinity(0)), help="threads (default: one per core)")
    add("--force", action="store_true", help="replace a prepared data set in OUT")
    return parser.parse_args()


def _earlier(given: argparse.Namespace) -> Earlier | None:
    """The data that ids go on from."""
    if given.extend is None:
        return None
    if given.extend.resolve() == given.out.resolve():
        raise UserError(f"{given.out}: goes on from itself: name another folder for OUT")
    earlier = read_earlier(given.extend)
    if given.min_count not in (None, earlier.min_count):
        raise UserError(
            f"--min-count {given.min_count}: {given.extend} was prepared with {earlier.min_count}, and counts go on: "
            "leave it out"
        )
    if given.valid is not None and given.valid > earlier.valid:
        print(
            f"prepare.py: warning: --valid {given.valid:g}: {given.extend} held out {earlier.valid:g} of the users; "
            "who is held out only now was trained on then, and a model that goes on from it looks better on them than "
            "on new users",
            file=sys.stderr,
        )
    return earlier


def _complain(message: str, code: int) -> int:
    print(f"prepare.py: {message}", file=sys.stderr)
    return code


def main() -> int:
    """Run the command; 2 if the user has something to mend."""
    given = _arguments()
    return_freed_memory()
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it has freed
    try:
        earlier = _earlier(given)
        least = given.min_count or (earlier.min_count if earlier else 1)
        valid = given.valid if given.valid is not None else (earlier.valid if earlier else Settings.valid)
        settings = Settings(least, valid, given.on_error)
        show(prepare(given.raw, given.out, settings, given.workers, given.force, earlier), Console())
    except UserError as error:
        return _complain(str(error), 2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return _complain(f"{given.out}: the disk is full; nothing was kept", 2)
    except KeyboardInterrupt:
        return _complain("interrupted; nothing was kept", 130)
    return 0


if __name__ == "__main__":
    sys.exit(main())
