"""PaddleRec's log lines, to the letter."""

import re

import numpy as np

from rec.report.lines import epoch_line, pairs, step_line
from rec.report.meter import Meter


def test_lines_as_scripts_parse_them():
    costs = {"reader": 0.001, "batch": 0.01, "samples": 32.0}
    values = {"loss": np.float32(0.5), "auc_ctr": 0.75, "auc_cvr": "undefined (n positives = 0)"}
    assert step_line(1, 20, values, costs) == (
        "epoch: 1, batch_id: 20, loss: 0.5, auc_ctr: 0.750000, auc_cvr: undefined (n positives = 0), "
        "avg_reader_cost: 0.00100 sec, avg_batch_cost: 0.01000 sec, avg_samples: 32.00000, ips: 3200.00000 ins/s"
    )
    assert epoch_line(1, {"loss": 0.5}, 12.345) == "epoch: 1 done, loss: 0.500000, epoch time: 12.35 s"


def test_vectors_are_left_out_even_of_one_impression():
    values = {"a": np.array(1.5, np.float32), "b": np.ones((1, 1)), "c": np.ones(3), "d": np.array([2.0])}
    assert re.findall(r"\w+(?=:)", pairs(values)) == ["a", "d"]


def test_averages_are_weighted_by_impressions():
    meter = Meter()
    meter.start()
    for loss, impressions in ((1.0, 10), (4.0, 30)):
        meter.reading_done()
        meter.step_done({"loss": loss}, impressions)
    values, costs = meter.interval()
    assert values == {"loss": 3.25}
    assert costs["samples"] == 20
    meter.step_done({"loss": 0.0}, 10)
    assert meter.interval()[0] == {"loss": 0.0}
    assert meter.averages() == {"loss": 2.6}
    again = Meter()
    again.load(meter.state())
    assert again.averages() == meter.averages()


def test_a_mean_of_fewer_rows_counts_for_so_many():
    """1.0 of 1 row and 4.0 of 3; where there was none a figure says nothing."""
    meter = Meter()
    meter.start()
    for loss, rows in ((1.0, 1), (0.0, 0), (4.0, 3)):
        meter.step_done({"loss": 2.0, "loss_like": loss}, 10, {"loss_like": rows})
    assert meter.averages() == {"loss": 2.0, "loss_like": 13.0 / 4}
    assert meter.interval()[0] == {"loss": 2.0, "loss_like": 13.0 / 4}
    meter.step_done({"loss": 2.0, "loss_like": 0.0}, 10, {"loss_like": 0})
    assert meter.interval()[0] == {"loss": 2.0}


def test_ratios_are_of_sums_whatever_batch_they_came_in():
    """1 of 1 and 1 of 9 are .2 together and not (1 + 1 / 9) / 2; a batch of none counts for nothing."""
    meter = Meter()
    meter.start()
    for total, divisor in ((1.0, 1.0), (0.0, 0.0), (1.0, 9.0)):
        meter.step_done({"loss": 0.5, "ratio_clipped": np.array([total, divisor], np.float32)}, 100)
    assert meter.interval()[0] == {"loss": 0.5, "clipped": 0.2}
    meter.step_done({"loss": 0.5, "ratio_clipped": np.array([0.0, 0.0], np.float32)}, 100)
    assert meter.interval()[0] == {"loss": 0.5}
    again = Meter()
    again.load(meter.state())
    again.start()
    again.step_done({"loss": 0.5, "ratio_clipped": np.array([0.0, 10.0], np.float32)}, 100)
    assert again.averages() == {"loss": 0.5, "clipped": 0.1}


def test_what_a_meter_of_a_version_before_ratios_left():
    meter = Meter()
    meter.load({"sums": {"loss": 130.0}, "exposures": 50})
    assert meter.averages() == {"loss": 2.6}
