"""Each fault once, with a seed that stays; `make torture` repeats them with others. Kills: test_resume.py."""

from pathlib import Path
from random import Random

import pytest

from faults import FAULTS


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in ("killed_at_any_moment", "interrupted")])
def test_a_fault_ends_in_one_line_and_hurts_nothing(fault, tmp_path: Path):
    try:
        FAULTS[fault](Random(f"{fault} 0"), tmp_path)
    except NotImplementedError as reason:
        pytest.skip(str(reason))
