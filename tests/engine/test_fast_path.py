"""What runs on the host (kernels, towers as one operator) learns what Paddle's operators learn."""

import numpy as np
import paddle

from rec.config.config import load
from rec.engine.dygraph import DygraphEngine
from rec.engine.feeds import TableFeed
from rec.engine.moves import Moves
from rec.engine.variables import Parameters
from rec.run.assembly import assemble
from rec.table.device import DeviceTable
from support import ROOT

STEPS = 120


def trained(paddles_operators: bool) -> tuple[list[float], dict[str, float | None]]:
    """Losses of the first steps on the bundled data, and the AUCs of the training impressions seen."""
    config = load(ROOT / "models/multitask/esmm/config.yaml", ["runner.train_batch_size=64"])
    run = assemble(config, "dygraph", "train")
    engine = run.engine
    assert isinstance(engine, DygraphEngine)
    if paddles_operators:
        place = paddle.CPUPlace()
        assert engine.table is not None
        start = engine.table.arrays()
        engine.table = DeviceTable(start["weight"], engine.table.optimizer, place)
        engine.feed = TableFeed(engine.table, place)
        engine.feed.on_host = False
        assert engine.optimizer is not None
        step, weights = engine.optimizer.step, Parameters(engine.net)
        engine._moves = Moves(run.config, engine.table, engine.net, weights, step, None)
    batches = list(run.reader.batches(run.plan(0, 0, training=True)))[:STEPS]
    losses = [float(engine.train_step(batch)["loss"]) for batch in batches]
    engine.metrics[0].reset()
    for batch in batches:
        engine.eval_step(batch)
    return losses, {name: result.auc.value for name, result in engine.metrics[0].accumulate().items()}


def test_losses_and_aucs_are_those_of_paddles_operators():
    (fast, aucs), (slow, expected) = trained(False), trained(True)
    np.testing.assert_allclose(fast[:50], slow[:50], rtol=1e-4)
    assert fast[-1] < fast[0]
    assert aucs.keys() == expected.keys()
    for task, value in aucs.items():
        assert abs(value - expected[task]) < 1e-3, task
