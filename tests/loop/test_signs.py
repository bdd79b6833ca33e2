"""Signs of trouble: found where they are planted, and silent over excluded."""

import numpy as np
import pytest

from rec.loop.signs import DeadExperts, LossSpike, SlowReader, collapse
from rec.metrics.spread import Spread
from rec.metrics.task import Task
from rec.metrics.tasks import TaskMetrics


def warnings(losses, impressions=32) -> list[int]:
    spike = LossSpike()
    sizes = impressions if isinstance(impressions, list) else [impressions] * len(losses)
    return [i for i, (loss, size) in enumerate(zip(losses, sizes, strict=True)) if spike.step(loss, size, str(i))]


@pytest.mark.parametrize("seed", range(5))
def test_a_loss_spike_is_found_and_noise_is_none(seed):
    random = np.random.default_rng(seed)
    # A loss that falls from 0.9 to 0.3, with normal excluded of a tenth: 3000 steps hold excursions of about 3.4 sigma.
    losses = (0.3 + 0.6 * np.exp(-np.arange(3000) / 300)) * random.normal(1, 0.1, 3000)
    assert warnings(losses) == []
    losses[1234] = 3.0
    assert warnings(losses) == [1234]


def test_skewed_losses_of_small_batches_are_no_spikes():
    # One row a batch, one in fifty positive at p = 1/50: loss -log(.98) = .02, or -log(.02) = 3.9.
    positive = np.random.default_rng(0).random(5000) < 0.02
    losses = np.where(positive, -np.log(0.02), -np.log(0.98))
    assert warnings(losses, 1) == []
    losses[4000] = 9.0
    assert warnings(losses, 1) == [4000]


def test_the_small_last_batch_of_an_epoch_is_passed_over():
    losses, sizes = [0.5] * 100, [64] * 100
    losses[80], sizes[80] = 5.0, 3
    assert warnings(losses, sizes) == []
    sizes[80] = 64
    assert warnings(losses, sizes) == [80]


def test_a_spike_is_described():
    spike = LossSpike()
    for _ in range(50):
        spike.step(0.5, 8, "before")
    assert spike.step(0.7, 8, "epoch 0, batch 50") is None  # within half the median
    warning = spike.step(2.0, 8, "epoch 0, batch 51") or ""
    assert "loss spike at epoch 0, batch 51: 2, where the median of the 51 steps before is 0.5" in warning
    assert "the largest 0.7" in warning


def test_an_expert_below_a_thousandth_over_an_interval_is_dead():
    experts = DeadExperts()
    for step in range(30):
        late = 0.4 if step == 29 else 1e-5  # mean weight of expert 2: (29e-5 + .4) / 30 = .0133
        experts.step({"gate_ctr": np.array([0.9995 - late, 5e-4, late]), "gate_cvr": np.array([0.5, 0.5])})
    found = experts.interval("epoch 1, batch 30")
    assert list(found) == ["gate_ctr 1"]
    assert "gate_ctr: expert 1 of 3 is dead at epoch 1, batch 30" in found["gate_ctr 1"]
    assert "its mean weight over 30 steps is 0.0005" in found["gate_ctr 1"]
    experts.step({"gate_ctr": np.array([1.0, 0.0, 0.0])})
    assert experts.interval("soon") == {}  # one step is no interval


def spread(probability, click, conversion, batch=50) -> Spread:
    metrics = TaskMetrics([Task("cvr", "conversion", among="click")])
    for start in range(0, len(probability), batch):
        part = slice(start, start + batch)
        metrics.update({"cvr": probability[part]}, {"click": click[part], "conversion": conversion[part]})
    return metrics.spreads["cvr"]


def test_collapse_of_pcvr_over_all_impressions():
    rows = np.arange(2000)
    click = (rows % 4 == 0).astype(np.float32)  # 500
    conversion = (rows % 20 == 0).astype(np.float32)  # 100 of them: a fifth
    around = 1 + 0.5 * np.sin(rows)
    # A mean of .021 over all is above a tenth of .2, .019 is below.
    assert collapse("cvr", spread(0.021 * around, click, conversion), "here") is None
    warning = collapse("cvr", spread(0.019 * around, click, conversion), "here") or ""
    assert "the predictions of cvr have collapsed at here: their mean over 2000 impressions is 0.019" in warning
    assert "100 of 500 were positive (0.2)" in warning
    # Clicked impressions alone look well: the rest shows it.
    only_clicked = np.where(click == 1, 0.02, 1e-4) * around
    assert collapse("cvr", spread(only_clicked, click, conversion), "here")


def test_constant_predictions():
    rows = np.arange(2000)
    click, conversion = (rows % 4 == 0).astype(np.float32), (rows % 20 == 0).astype(np.float32)
    step = rows // 50
    drifting = 0.2 + 0.001 * step  # the bias still moves, but no impression differs from another
    assert "the predictions of cvr are constant" in (collapse("cvr", spread(drifting, click, conversion), "x") or "")
    assert collapse("cvr", spread(drifting + 1e-4 * (rows % 3), click, conversion), "x") is None


def test_a_reader_that_steps_wait_for():
    reader = SlowReader("try this")
    slow = {"reader": 0.06, "batch": 0.1, "samples": 32.0, "steps": 25}
    assert reader.interval(slow) is None  # the first holds compilation and opening of files
    assert "waits for its data 60% of the time: try this" in (reader.interval(slow) or "")
    assert reader.interval({**slow, "reader": 0.04}) is None
    assert reader.interval({**slow, "steps": 10}) is None  # too few; counted with the next
    assert "60%" in (reader.interval({**slow, "steps": 15}) or "")
    assert reader.interval({**slow, "reader": 0.006, "batch": 0.01}) is None  # a quarter of a second in all
