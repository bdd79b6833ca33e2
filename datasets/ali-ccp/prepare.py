"""Turn raw Ali-CCP into columns: python datasets/ali-ccp/prepare.py RAW OUT

RAW holds sample_train.tar.gz and sample_test.tar.gz (read as they are, nothing is unpacked to disk), or the CSV files
from them. OUT gets schema.json, vocabulary.parquet, report.json and, for train, valid and test, Parquet files of
exposures and of the common rows that they refer to.
"""

import argparse
import errno
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import pyarrow as pa
from rich.console import Console

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
    add("--min-count", type=_positive, default=1, help="ids that occur less often in training are unknown (default: 1)")
    add("--valid", type=_share, default=0.05, help="share of training users held out for validation (default: 0.05)")
    add("--on-error", choices=("fail", "skip"), default="fail", help="what a bad row does (default: fail)")
    add("--workers", type=_positive, default=len(os.sched_getaffinity(0)), help="threads (default: one per core)")
    add("--force", action="store_true", help="replace a prepared data set in OUT")
    return parser.parse_args()


def _complain(message: str, code: int) -> int:
    print(f"prepare.py: {message}", file=sys.stderr)
    return code


def main() -> int:
    """Run the command; 2 if the user has something to mend."""
    given = _arguments()
    return_freed_memory()
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps what it has freed
    settings = Settings(given.min_count, given.valid, given.on_error)
    try:
        show(prepare(given.raw, given.out, settings, given.workers, given.force), Console())
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
