"""tools/stream.py on a small simulated log: the protocol, resumption, both modes, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors.numpy import load_file

from late import TREE, WINDOW, write_log
from rec.config.config import Config, load
from rec.config.stream import StreamName, StreamSettings
from rec.errors import UserError
from rec.run.assembly import open_directory
from rec.stream import walk as walking
from rec.stream.command import opened
from rec.stream.log import HOUR
from rec.stream.protocol import read_clicks, stream
from rec.stream.reader import StreamReader
from rec.stream.walk import Walk

ALL = list(StreamName.__args__)


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path / "log")
    (tmp_path / "stream.yaml").write_text(yaml.safe_dump(TREE))
    return tmp_path / "stream.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Path:
    """A folder in which all methods have run."""
    folder = tmp_path_factory.mktemp("shop")
    write_log(folder / "log")
    (folder / "stream.yaml").write_text(yaml.safe_dump(TREE))
    config, settings = at(folder / "stream.yaml")
    stream(config, settings, "dygraph")
    return folder


def at(path: Path, *overrides: str) -> tuple[Config, StreamSettings]:
    """The config, with its folders beside it."""
    return opened(
        path,
        [f"runner.train_data_dir={path.parent / 'log'}", f"runner.model_save_path={path.parent / 'out'}", *overrides],
    )


def hours_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "hours.jsonl").read_text().splitlines()]


def test_all_methods_are_judged_on_the_same_clicks(done):
    """Of the hours from the start to one window before the log's end, by the table's own times."""
    table = pq.read_table(done / "log")
    click = table["clicked_at"].to_numpy()
    start, last = np.datetime64("2026-05-04"), max(click.max(), np.nanmax(table["bought_at"].to_numpy()))
    hours = int((last - np.timedelta64(WINDOW, "D") - start) / np.timedelta64(1, "h"))
    tested = click[(click >= start) & (click < start + np.timedelta64(hours, "h"))]
    delay = table["bought_at"].to_numpy() - click
    within = (click >= start) & (click < start + np.timedelta64(hours, "h")) & (delay <= np.timedelta64(WINDOW, "D"))
    for name in ALL:
        found = hours_of(done / "out" / f"{name}-12345")
        assert sum(hour["n"] for hour in found) == len(tested), name
        assert sum(hour["positives"] for hour in found) == within.sum(), name
        assert found[0]["begins"] == "2026-05-04T00:00"
    assert 20 < hours <= 24


def test_who_corrects_late_labels_is_right_and_who_does_not_is_not(done):
    found = json.loads((done / "out" / "summary.json").read_text())
    assert list(found) == ALL
    calibration = {name: row["calibration"]["mean"] for name, row in found.items()}
    assert calibration["vanilla"] < 0.75
    assert calibration["oracle"] == pytest.approx(1, abs=0.15)
    for name in ("es_dfm", "defer", "defuse", "fsiw", "ulc"):
        assert calibration[name] == pytest.approx(1, abs=0.2), name
    gains = {name: row["relative_gain"]["logloss"]["mean"] for name, row in found.items()}
    assert (gains["pretrain"], gains["oracle"]) == (0, 1)
    assert found["es_dfm"]["auc"]["mean"] > 0.65
    lines = (done / "out" / "hours.csv").read_text().splitlines()
    assert len(lines) == 1 + sum(len(hours_of(done / "out" / f"{name}-12345")) for name in ALL)


def test_runs_that_are_done_are_left_alone(done, capsys):
    before = {path: path.read_bytes() for path in (done / "out").rglob("*") if path.is_file()}
    config, settings = at(done / "stream.yaml")
    stream(config, settings, "dygraph")
    assert {path: path.read_bytes() for path in (done / "out").rglob("*") if path.is_file()} == before
    assert "relative gain is 0 for pretrain" in capsys.readouterr().out


def test_a_killed_run_goes_on_to_the_same_bits(done, shop, monkeypatch):
    """Killed in the middle of an hour's record, 7 hours after its last checkpoint; and the same in static graph."""
    overrides = ["stream.methods=[es_dfm, ulc]", "stream.save_hours=24"]
    config, settings = at(shop, *overrides)
    learn, calls = Walk._train, []

    def dies(self, name, learner, helper, hour):
        calls.append(hour)
        if len(calls) == 31:
            raise KeyboardInterrupt
        learn(self, name, learner, helper, hour)

    monkeypatch.setattr(walking.Walk, "_train", dies)
    with pytest.raises(KeyboardInterrupt):
        stream(config, settings, "dygraph")
    monkeypatch.undo()
    monkeypatch.chdir(shop.parent)
    with (shop.parent / "out" / "es_dfm-12345" / "hours.jsonl").open("a") as file:
        file.write('{"hour": 31, "be')
    stream(*at(shop, *overrides), "dygraph")
    for name in ("es_dfm-12345", "ulc-12345"):
        same_runs(done / "out" / name, shop.parent / "out" / name, exactly=True)
    shutil.rmtree(shop.parent / "out")
    stream(*at(shop, "stream.methods=[ulc]"), "static")
    same_runs(done / "out" / "ulc-12345", shop.parent / "out" / "ulc-12345", exactly=False)


def same_runs(first: Path, second: Path, exactly: bool) -> None:
    """Hours and final weights."""
    for one, other in zip(hours_of(first), hours_of(second), strict=True):
        if exactly:
            assert one == other
        for figure in ("n", "positives", "predicted", "logloss"):  # ranks of near equals may differ between modes
            assert one[figure] == pytest.approx(other[figure], abs=2e-3)
    (path,), (other_path,) = (sorted(folder.glob("*/rec*.opt.safetensors")) for folder in (first, second))
    path, other_path = (Path(str(each).replace(".opt", "")) for each in (path, other_path))
    weights, others = load_file(path), load_file(other_path)
    for name, values in weights.items():
        same = np.array_equal(values, others[name]) if exactly else np.allclose(values, others[name], atol=1e-2)
        assert same, name


def test_nothing_is_trained_on_before_it_is_known(shop, monkeypatch):
    """Another future gives the same models: conversions that come after an hour change no weight in it."""
    config, settings = at(shop, "stream.until=2026-05-04 06:00", "stream.methods=[dfm, defer]")
    stream(config, settings, "dygraph")
    before = {name: hours_of(shop.parent / "out" / name) for name in ("dfm-12345", "defer-12345")}
    shutil.rmtree(shop.parent / "out")
    path = shop.parent / "log" / "log.parquet"
    table = pq.read_table(path)
    sold = table["bought_at"].to_numpy().copy()
    late = sold >= np.datetime64("2026-05-04T06:00")
    assert late.sum() > 100
    sold[np.flatnonzero(late)[::2]] = np.datetime64("NaT")
    pq.write_table(table.set_column(3, "bought_at", pa.array(sold)), path)
    stream(*at(shop, "stream.until=2026-05-04 06:00", "stream.methods=[dfm, defer]"), "dygraph")
    for name, hours in before.items():
        again = hours_of(shop.parent / "out" / name)
        assert [hour["predicted"] for hour in again] == [hour["predicted"] for hour in hours], name
        assert [hour["positives"] for hour in again] != [hour["positives"] for hour in hours], name


def with_unclicked(path: Path, without_time: int = 0) -> None:
    """Put as many rows without a click among a log's rows, each four hours after one."""
    table = pq.read_table(path)
    shown = table["clicked_at"].to_numpy() + np.timedelta64(4, "h")
    shown[:without_time] = np.datetime64("NaT")
    rows = len(table)
    nobody = table.set_column(2, "clicked_at", pa.array(shown)).set_column(
        3, "bought_at", pa.nulls(rows, table["bought_at"].type)
    )
    both = pa.concat_tables([nobody, table]).append_column("click", pa.array(np.repeat([0, 1], rows)))
    pq.write_table(both.take(pa.array(np.random.default_rng(1).permutation(2 * rows))), path)


def test_esdf_learns_from_impressions_without_a_click(done, shop, monkeypatch, caplog):
    """They come with the log's clicks, none before its time, and change nothing for other methods."""
    with_unclicked(shop.parent / "log" / "log.parquet", without_time=9)
    taken, learn = [], walking.Learner.train

    def train(self, rows, columns, turn):
        if "clicked" in columns and self.config.hyper_parameters["method"] == "esdf":
            taken.append((rows, columns["clicked"], turn))
        learn(self, rows, columns, turn)

    monkeypatch.setattr(walking.Learner, "train", train)
    config, settings = at(shop, "stream.methods=[ulc, esdf]", "stream.clicked=click")
    stream(config, settings, "dygraph")
    assert "9 are left out, whose clicked_at is empty" in caplog.text
    same_runs(done / "out" / "ulc-12345", shop.parent / "out" / "ulc-12345", exactly=True)
    reader = read_clicks(open_directory(config, "dygraph").config, settings)
    walk, clicks = Walk(config, settings, "dygraph", reader), len(reader.log)
    assert (clicks, len(reader.shown)) == (3000, 2991)
    for rows, clicked, turn in taken:
        assert (clicked == (rows < clicks)).all()
        shown = reader.shown[rows[rows >= clicks] - clicks]
        hour = turn - walk.hours.last
        if hour < 0:  # pretraining: what has been shown a window before the start
            assert shown.max() < reader.start - reader.log.window
            assert len(shown) == (reader.shown < reader.start - reader.log.window).sum()
        else:
            now = walk.hours.begin + (hour + 1) * HOUR
            since = max(now - reader.log.window - 12 * HOUR, reader.start - reader.log.window)
            assert len(shown) == ((since <= reader.shown) & (reader.shown < now)).sum()
            assert len(shown) > 100
    assert len(taken) == 2 + (walk.hours.last // 12)


def test_the_vocabulary_is_of_before_the_start(shop):
    path = shop.parent / "log" / "log.parquet"
    table = pq.read_table(path)
    late = table["clicked_at"].to_numpy() >= np.datetime64("2026-05-04")
    item = np.where(late, 1000 + table["item"].to_numpy(), table["item"].to_numpy())
    pq.write_table(table.set_column(0, "item", pa.array(item)), path)
    config, settings = at(shop)
    reader = read_clicks(open_directory(config, "dygraph").config, settings)
    assert reader.vocabulary is not None
    assert set(reader.vocabulary.values["item"]) == {str(number) for number in range(20)}
    assert (np.diff(reader.log.click) >= 0).all()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.fields.bought_at="], "column bought_at is stream.conversion_time, which nobody knows at the click"),
        (["data.labels={conversion: item}"], "column item is data's label conversion, which nobody knows"),
        (["data.test_share=0.1"], "data.test: each hour is tested on before it is trained on: leave it out"),
        (["stream.start=2026-05-01"], "is clicked before 2026-05-01"),
        (["stream.start=2026-05-01 20:00"], "no click is 1 days old then, so that there is nothing to pretrain on"),
        (["stream.start=2026-05-05"], "no hour from 2026-05-05 on ends 1 days before the log does"),
        (["stream.until=2026-05-06"], r"and the log ends 24\.0 hours too early"),
        (["stream.known_until=2026-05-05"], "the table tells of things 2[34]\\.. hours after 2026-05-05"),
        (["stream.start=soon"], "stream.start: should be a day such as"),
        (["stream.methods=[esdfm]"], "stream.methods.0: should be"),
        (["stream.wait_hour=1"], r"stream.wait_hour is not a setting \(did you mean wait_hours"),
        (["hyper_parameters.method=ulc"], "hyper_parameters.method means nothing here"),
        (["hyper_parameters.optimizer.learning_rate={start: 0.1}"], "learning_rate"),
        (["stream.clicked=user"], "label column user should be 0 or 1"),
        (["stream.click_time=bought_at", "stream.conversion_time=clicked_at"], "column bought_at is empty"),
    ],
)
def test_what_is_refused(shop, overrides, message):
    with pytest.raises(UserError, match=message):
        stream(*at(shop, *overrides), "dygraph")


def test_another_stream_does_not_go_into_the_same_folder(done):
    config, settings = at(done / "stream.yaml", "stream.wait_hours=2")
    with pytest.raises(UserError, match=r"holds runs of another stream \(stream.wait_hours was 1, is 2\)"):
        stream(config, settings, "dygraph")


def test_a_conversion_before_its_click_is_refused(shop):
    path = shop.parent / "log" / "log.parquet"
    table = pq.read_table(path)
    sold = table["bought_at"].to_numpy().copy()
    sold[7] = table["clicked_at"].to_numpy()[7] - np.timedelta64(1, "s")
    pq.write_table(table.set_column(3, "bought_at", pa.array(sold)), path)
    with pytest.raises(UserError, match=r"row 8: its conversion \(bought_at\) comes before its click \(clicked_at\)"):
        stream(*at(shop), "dygraph")


def test_a_prepared_table_is_refused(shop):
    config, settings = at(shop)
    with pytest.raises(UserError, match=r"prepared.json: a prepared table has no times: name the table that it was"):
        StreamReader(["log/prepared.json"], config, settings)


def test_other_tools_say_that_they_do_not_read_the_section(shop, caplog):
    """Of the same config, with the section in it."""
    config = load(shop, ["data.labels={conversion: bought}"])
    open_directory(config, "dygraph").warn()
    assert "the stream section is for tools/stream.py and has no effect here" in caplog.text
