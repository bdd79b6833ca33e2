"""Who takes part in benchmarks/throughput.py, and who does not on a smaller machine."""

from pathlib import Path

import pytest

from support import ROOT


def test_what_a_smaller_machine_leaves_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from field import contestants, skipped

    names = list(contestants(Path("work")))
    assert not skipped(names, cores=2, memory_gb=24)
    assert skipped(names, cores=1, memory_gb=24) == {
        f"({letter}) one thread": "the machine has one core" for letter in "abc"
    }
    assert list(skipped(names, cores=2, memory_gb=8)) == ["(b) vocabulary 10 M", "(c) vocabulary 10 M"]
