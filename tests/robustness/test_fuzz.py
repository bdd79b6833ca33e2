"""The short form of the fuzzing: so many cases of each target, the same ones each time; `make torture` goes on.

Hypothesis makes the choices of the targets for configs and readers, so that it can shrink what it finds; the others
draw theirs from a seed, which `torture.py --only TARGET --seed N` repeats.
"""

import logging
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import case
from targets import TARGETS

SHRINKING = ("config_values", "overrides", "text_lines", "own_table", "schema_json")


@pytest.fixture(autouse=True)
def _quiet(caplog):
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", TARGETS)
def test_damage_is_refused_in_one_line_or_does_no_harm(target):
    found = [(seed, text) for seed in range(40) for kind, text in [case.run(target, seed)] if kind == "FOUND"]
    assert not found, f"{len(found)} of 40; seed {found[0][0]}:\n{found[0][1]}"


@pytest.mark.parametrize("target", SHRINKING)
def test_damage_that_hypothesis_thinks_of(target):
    @settings(max_examples=25, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=False))
    def damaged(random: Random) -> None:
        with TemporaryDirectory(prefix="fuzz-") as folder:
            TARGETS[target](random, Path(folder))

    damaged()
