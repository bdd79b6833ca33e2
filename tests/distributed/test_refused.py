"""What several processes cannot train is refused before they look for each other."""

from types import SimpleNamespace

import pytest

from rec.config.behaviours import REQUEST
from rec.run.several import _problems
from support import ROOT, Tool

MMOE = ROOT / "models" / "multitask" / "mmoe" / "config.yaml"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("hyper_parameters.weighting.kind=mgda", "compares the gradients of a whole batch"),
        ("hyper_parameters.weighting.kind=pcgrad", "compares the gradients of a whole batch"),
        ("hyper_parameters.weighting.kind=random", "is drawn by each process"),
        ("runner.gradient_cosines=true", "is over a whole batch"),
    ],
)
@pytest.mark.parametrize("name", ["trainer", "static_trainer"])
def test_what_looks_at_a_whole_batch(name, setting, reason, tool: Tool, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    outcome = tool(name, "-m", MMOE, "-o", setting)
    assert outcome.code == 2
    last = outcome.err.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert f"{reason}: train in one process, without paddle.distributed.launch" in last


def test_readers_and_tables():
    def problems(divides=True, labels=("click",), table="replicated", grows=False, **optimizer):
        reader = SimpleNamespace(divides=divides, labels=labels)
        values = {"optimizer": {"class": "Adam", **optimizer}}
        runner = SimpleNamespace(table=table, use_out_vec=False)
        config = SimpleNamespace(runner=runner, hyper_parameters=values)
        return _problems(
            SimpleNamespace(reader=reader, config=config, start=SimpleNamespace(grows=grows, manifest=None))
        )

    assert problems() == []
    assert problems(grows=True) == []
    assert problems(divides=False) == ["the directory's own reader, SimpleNamespace, does not divide batches"]
    assert problems(labels=("click", REQUEST)) == [
        "a loss within requests, whose impressions may be on several processes"
    ]
    assert problems(ema=0.9) == []
    assert problems(ema=0.9, table="sharded") == ["optimizer.ema with runner.table: sharded"]
    assert problems(accumulate=2) == ["optimizer.accumulate, in whose place each process takes a part of every batch"]
    said = "a vocabulary that grows (data.grow_vocabulary, prepare.py --extend) with runner.table: sharded"
    assert problems(table="sharded", grows=True) == [said]


def test_one_process_says_that_it_divides_no_table(tiny, tool: Tool):
    outcome = tool("trainer", *tiny, "runner.table=sharded", "runner.epochs=1")
    assert outcome.code == 0, outcome.err
    assert "runner.table: sharded has no effect on one process" in outcome.err
