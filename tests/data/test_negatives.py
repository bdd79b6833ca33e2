"""`data.negative_rate`: which rows an epoch trains on, of every kind of data."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from prepared import NUM_ID, write_prepared
from rec.config.config import Config
from rec.data import row_groups
from rec.data.labels import LabelRules
from rec.data.native import NativeReader
from rec.data.negatives import negative_rate
from rec.data.plan import ReadPlan
from rec.errors import UserError
from support import Tool, write_lines

RATE = 0.25
PLAN = ReadPlan(batch_size=16, training=True, epoch=1, seed=7, shuffle=True)
ROWS = 400


def config(folder: Path, data: dict, **hyper) -> Config:
    hyper = {"fields": ["user", "item"], "sparse_feature_number": 50, "sparse_feature_dim": 2, **hyper}
    return Config(folder / "config.yaml", {"hyper_parameters": hyper, "data": data})


def clicks() -> np.ndarray:
    return (np.random.default_rng(4).random(ROWS) < 0.2).astype(int)


def lines(folder: Path) -> tuple[Config, list[str]]:
    rows = [f"{row},{c},0,user:{row % 7},item:{7 + row % 9}" for row, c in enumerate(clicks())]
    return config(folder, {"negative_rate": RATE}), [str(write_lines(folder / "train", rows) / "part-0.txt")]


TABLE = {"labels": {"click": "click", "conversion": "buy"}, "fields": {"user": None, "item": None}, "sample_id": "name"}


def table(folder: Path) -> tuple[Config, list[str]]:
    rows = [f"{row},{c},0,{row % 7},{row % 9}" for row, c in enumerate(clicks())]
    for part in range(4):
        (folder / f"t{part}.csv").write_text("\n".join(["name,click,buy,user,item", *rows[part::4]]) + "\n")
    made = config(folder, {**TABLE, "negative_rate": RATE})
    return made, sorted(map(str, folder.glob("t*.csv")))


def prepared(folder: Path) -> tuple[Config, list[str]]:
    write_prepared(folder, num_impression=ROWS)
    made = config(folder, {"negative_rate": RATE}, fields=["u", "h", "i", "t"], sparse_feature_number=NUM_ID)
    return made, sorted(map(str, (folder / "train").iterdir()))


SOURCES = {"lines": lines, "table": table, "windows of a table": table, "prepared": prepared, "windows": prepared}


@pytest.fixture(params=SOURCES)
def reader(request, tmp_path, monkeypatch) -> NativeReader:
    if request.param == "windows of a table":
        monkeypatch.setattr("rec.data.tabular.IN_MEMORY", 10)
        monkeypatch.setattr("rec.data.encoded_reader.WINDOW", 150)
    if request.param == "windows":
        monkeypatch.setattr(row_groups, "WINDOW", 100)
    made, files = SOURCES[request.param](tmp_path)
    return NativeReader(files, made)


def names(batches: Iterable) -> list[list[str]]:
    return [[n.decode() if isinstance(n, bytes) else str(n) for n in batch.sample_ids] for batch in batches]


def seen(reader: NativeReader, plan: ReadPlan) -> dict[str, float]:
    """The click of each row that an epoch trains on."""
    found: dict[str, float] = {}
    for batch in reader.batches(plan):
        rows = dict(zip(names([batch])[0], batch.labels["click"].tolist(), strict=True))
        assert not set(rows) & set(found)
        found |= rows
    return found


def test_all_positives_and_a_share_of_the_negatives_that_each_epoch_draws_anew(reader):
    everything = seen(reader, ReadPlan(batch_size=16, training=False))
    positive = {name for name, click in everything.items() if click}
    negative = set(everything) - positive
    assert len(everything) == len(reader) >= ROWS
    epochs = [seen(reader, ReadPlan(16, True, epoch=epoch, seed=7, shuffle=True)) for epoch in range(20)]
    for epoch in epochs:
        assert positive <= set(epoch)
    drawn = [set(epoch) - positive for epoch in epochs]
    # 20 epochs of n negatives each: the share is off by less than 4 of its standard errors.
    share = sum(map(len, drawn)) / (20 * len(negative))
    assert abs(share - RATE) < 4 * np.sqrt(RATE * (1 - RATE) / (20 * len(negative)))
    both = len(drawn[0] & drawn[1]) / len(negative)
    assert both == pytest.approx(RATE**2, abs=4 * np.sqrt(RATE**2 / len(negative)))
    assert len(set.union(*drawn)) > 0.98 * len(negative)
    assert reader.count(PLAN) == len(epochs[1])
    assert reader.count(ReadPlan(16, True, epoch=1, seed=8)) != reader.count(PLAN)


def test_batches_are_full_and_the_same_for_any_number_of_readers_and_on_resume(reader):
    whole = names(reader.batches(PLAN))
    assert [len(batch) for batch in whole[:-1]] == [16] * (len(whole) - 1)
    for workers in (2, 3):
        shares = [names(reader.batches(PLAN.for_worker(worker, workers))) for worker in range(workers)]
        assert [shares[index % workers][index // workers] for index in range(len(whole))] == whole
    resumed = ReadPlan(16, True, epoch=1, seed=7, shuffle=True, start=3)
    assert names(reader.batches(resumed)) == whole[3:]


def test_without_the_order_being_shuffled(reader):
    plain = ReadPlan(16, True, epoch=1, seed=7)
    assert set(seen(reader, plain)) == set(seen(reader, PLAN))


def test_other_parts_keep_all_rows(tmp_path):
    made, files = lines(tmp_path)
    assert len(seen(NativeReader(files, made, "valid"), PLAN)) == ROWS


def test_what_nobody_knows_to_be_a_negative_is_left_out(tmp_path, caplog):
    write_lines(tmp_path / "train", ["1,1,0,user:1", "2,,0,user:1", "3,1,1,user:2", "4,,1,user:2"])
    made = config(tmp_path, {"negative_rate": RATE}, fields=["user"])
    rules = LabelRules(implies=())
    reader = NativeReader([str(tmp_path / "train" / "part-0.txt")], made, rules=rules)
    assert sorted(seen(reader, PLAN)) == ["1", "3"]
    assert "2 impressions with an empty click are not trained on" in caplog.text


def test_a_prepared_table_gives_the_batches_of_the_table(tmp_path, monkeypatch, tool: Tool):
    """Prepared without sampling, read with it."""
    monkeypatch.chdir(tmp_path)
    rows = [f"{row},{c},0,{row % 7},{row % 9}" for row, c in enumerate(clicks())]
    write_lines(tmp_path / "table", ["name,click,buy,user,item", *rows])
    (tmp_path / "config.yaml").write_text(
        "runner: {train_data_dir: table, train_batch_size: 40, model_save_path: out}\n"
        "hyper_parameters: {optimizer: {class: Adam, learning_rate: 0.01}, sparse_feature_dim: 4,\n"
        "  tower_fc_sizes: [8], behaviours: {click: , conversion: {after: click}}}\n"
        "data: {labels: {click: click, conversion: buy}, fields: {user: , item: }, sample_id: name, files: '*.txt'}\n"
    )
    done = tool("prepare", "ready", "-m", "config.yaml", "-o", "data.negative_rate=0.5")
    assert done.code == 0, done.err
    from rec.config.config import load
    from rec.run.assembly import open_directory

    found = []
    for source in ("table", "ready"):
        options = [f"runner.train_data_dir={source}", f"data.negative_rate={RATE}"]
        directory = open_directory(load("config.yaml", options), "dygraph")
        directory.config.check(directory.problems)
        found.append(names(directory.open_reader("train").batches(PLAN)))
    assert found[0] == found[1]
    assert sum(map(len, found[0])) < ROWS / 2


@pytest.mark.parametrize("given", [0, 1, -0.5, 2, "much", True])
def test_what_is_no_rate_is_refused(tmp_path, given):
    with pytest.raises(UserError, match=r"data\.negative_rate: .*got"):
        negative_rate(config(tmp_path, {"negative_rate": given}))
