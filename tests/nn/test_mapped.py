"""What outputs carry follows the rows: losses of the same impressions in another order are the same.

Where several processes divide a batch, their outputs are put together before the loss. What an output leaves behind
then is of one process's rows alone.
"""

from typing import Any

import numpy as np
import paddle
import pytest

from rec.distributed.ranks import here
from rec.nn.delay import METHODS
from rec.nn.delay.network import DelayedConversion
from rec.nn.entire_space import EntireSpace
from rec.nn.features import Features
from rec.nn.gathered import gathered
from rec.nn.unclicked import REGISTRY

ROWS = 24
RANDOM = np.random.default_rng(7)
VECTORS = RANDOM.normal(size=(ROWS, 6)).astype(np.float32)
ORDER = RANDOM.permutation(ROWS)
CLICK = (RANDOM.random((ROWS, 1)) < 0.5).astype(np.float32)
LABELS = {
    "click": CLICK,
    "conversion": (RANDOM.random((ROWS, 1)) < 0.5).astype(np.float32) * CLICK,
    "again": (RANDOM.random((ROWS, 1)) < 0.2).astype(np.float32),
    "request_id": np.arange(ROWS, dtype=np.float32).reshape(-1, 1) // 4,
    "seconds": RANDOM.exponential(9, (ROWS, 1)).astype(np.float32),
    **{name: RANDOM.uniform(0.1, 0.9, (ROWS, 1)).astype(np.float32) for name in ("late", "negative", "seen")},
    **{name: RANDOM.exponential(1, (ROWS, 1)).astype(np.float32) for name in ("elapsed", "delay")},
    "clicked": (RANDOM.random((ROWS, 1)) < 0.5).astype(np.float32),
    "window": np.full((ROWS, 1), 3, np.float32),
}
SHAPE: dict[str, Any] = {"num_field": 3, "sparse_feature_dim": 2, "tower_fc_sizes": [4, 3]}
FUNNEL = {"click": None, "conversion": {"after": "click"}}
LOSSES = {
    "focal": {"click": {"loss": "focal"}, "conversion": {"after": "click"}},
    "jrc": {"click": {"loss": "jrc", "alpha": 1.0}, "conversion": {"after": "click"}},
    "numbers": {**FUNNEL, "seconds": {"head": "log_regression", "space": "click", "smearing": True}},
}
NETWORKS = {
    **{f"unclicked {kind}": lambda kind=kind: unclicked(kind) for kind in REGISTRY.classes},
    **{f"delayed {name}": lambda name=name: DelayedConversion(name, **SHAPE) for name in METHODS},
    **{loss: lambda given=given: EntireSpace(behaviours=given, **SHAPE) for loss, given in LOSSES.items()},
}


def unclicked(kind: str) -> EntireSpace:
    more = {"head_dropout": 0.0} if kind == "ukd" else {}
    return EntireSpace(behaviours=FUNNEL, unclicked={"kind": kind, **more}, **SHAPE)


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_do_not_depend_on_the_order_of_rows(name):
    net = NETWORKS[name]()
    outputs = net(Features([paddle.to_tensor(VECTORS)], [None]))
    order = paddle.to_tensor(ORDER)
    moved = {task: output.mapped(lambda x: paddle.gather(x, order)) for task, output in outputs.items()}
    labels = {label: paddle.to_tensor(value) for label, value in LABELS.items()}
    before = net.losses(outputs, labels)
    after = net.losses(moved, {label: paddle.gather(value, order) for label, value in labels.items()})
    assert before.keys() == after.keys()
    for part, value in before.items():
        assert after[part].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), part


def test_outputs_of_any_width_are_put_together(monkeypatch):
    """Of two processes that have the same rows; one column each, and what IdeFN carries besides."""
    net = unclicked("idefn")
    outputs = net(Features([paddle.to_tensor(VECTORS)], [None]))
    ranks = here()
    monkeypatch.setattr(ranks, "count", 2)
    monkeypatch.setattr(ranks, "sizes", (ROWS, ROWS))
    monkeypatch.setattr(ranks, "gather", lambda array, sizes=None: [array, array])
    for task, output in gathered(outputs).items():
        own = outputs[task].value.numpy()
        assert output.value.numpy() == pytest.approx(np.concatenate([own, own]), rel=1e-6), task
        if hasattr(output, "vectors"):
            assert output.vectors.shape == [2 * ROWS, outputs[task].vectors.shape[1]]
            assert output.vectors.shape[1] > 1
