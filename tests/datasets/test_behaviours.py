"""behaviours_*.parquet: drawn from the truth they state, carried through preparation, offered by readers by name."""

import filecmp
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rawfiles import random_split

import simulate
from behaviours import BEHAVIOURS, COLUMNS, LABELS, TRUTH
from fields import FIELD_NAMES
from preparation.pipeline import Settings, prepare
from rec.config.config import Config
from rec.data.columnar import ColumnarReader
from rec.data.labels import LabelRules
from rec.data.lines import data_files
from rec.data.plan import ReadPlan
from rec.errors import UserError
from rec.metrics.truth import soft_auc
from simulation.actions import chain
from support import ROOT

BUNDLED = ROOT / "models" / "multitask" / "data" / "behaviours"
KNOBS = (
    "--exposures 20000 --seed 3 --history-scale 0.02 --exposures-per-common 30 --click-rate 0.2 --conversion-rate 0.2"
)
EVERYTHING = ("click", "conversion", *LABELS, "price", "position", "request_id")


def simulated(folder: Path, knobs: str) -> Path:
    simulate.main([str(folder), *knobs.split()])
    return folder


def columns_of(folder: Path, part: str = "train") -> dict[str, np.ndarray]:
    tables = [pq.read_table(folder / f"{kind}_{part}.parquet") for kind in ("truth", "behaviours")]
    return {name: table[name].to_numpy() for table in tables for name in table.column_names}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return simulated(tmp_path_factory.mktemp("simulated"), f"{KNOBS} --behaviours --position-effect 1")


@pytest.fixture(scope="module")
def prepared(folder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare(folder, out, Settings(valid=0.1), workers=2)
    return out


def test_clicks_and_conversions_do_not_depend_on_who_asks(tmp_path):
    few = KNOBS.replace("20000", "2000")
    one, other = simulated(tmp_path / "one", few), simulated(tmp_path / "other", f"{few} --behaviours")
    names = sorted(path.name for path in one.iterdir())
    assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])
    assert sorted({path.name for path in other.iterdir()} - set(names)) == [
        "behaviours_test.parquet", "behaviours_train.parquet",
    ]  # fmt: skip


def test_equal_arguments_give_equal_bytes_with_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("simulation.blocks._BLOCK_EXPOSURES", 300)
    knobs = f"{KNOBS.replace('20000', '2000')} --behaviours --position-effect 0.5"
    one, other = (simulated(tmp_path / n, f"{knobs} --threads {n}") for n in ("1", "3"))
    names = sorted(path.name for path in one.iterdir())
    assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])


def test_the_truth_is_consistent(folder):
    c = columns_of(folder)
    mixed = c["p_cart"] * c["p_conversion_cart"] + (1 - c["p_cart"]) * c["p_conversion_no_cart"]
    assert mixed == pytest.approx(c["p_conversion"], rel=1e-12)
    assert c["p_examined"] == pytest.approx(1 / c["position"])
    assert c["p_examined"] * c["p_relevance"] == pytest.approx(c["p_click"])
    assert c["p_click"].mean() == pytest.approx(0.2, abs=0.01)
    for name in ("p_cart", "p_conversion_cart", "p_conversion_no_cart", "p_like", "p_relevance"):
        assert 0 < c[name].min() < c[name].max() < 1


@pytest.mark.parametrize("part", ["train", "test"])
def test_given_the_inputs_is_the_mean_over_what_they_do_not_tell(folder, part):
    """In each tenth by p(click | inputs), the mean of p(click) is its mean: position and time average out."""
    c = columns_of(folder, part)
    given = c["p_click_given_inputs"]
    tenths = np.array_split(np.argsort(given), 10)
    errors = [(c["p_click"][some] - given[some]).std() / np.sqrt(len(some)) for some in tenths]
    z = np.array([(c["p_click"] - given)[some].mean() for some in tenths]) / errors
    assert np.mean(z**2) < 1 + 4 * np.sqrt(2 / 10)
    assert 0.5 < soft_auc(given, given) < soft_auc(c["p_click"], c["p_click"]) - 0.02
    assert soft_auc(given, c["p_click"]) == pytest.approx(soft_auc(given, given), abs=0.01)


def test_labels_follow_the_truth(folder):
    c = columns_of(folder)
    clicked = c["rating"] > 0
    n = clicked.sum()
    for name in ("cart", "like", "watch_time", "rating"):
        assert (c[name][~clicked] == 0).all()
    for label, truth in (("cart", "p_cart"), ("like", "p_like")):
        p = c[truth][clicked]
        assert c[label][clicked].mean() == pytest.approx(p.mean(), abs=4 * np.sqrt(p.mean() / n))
    for label, truth in (("watch_time", "mean_watch_time"), ("rating", "mean_rating")):
        difference = c[label][clicked] - c[truth][clicked]
        assert difference.mean() == pytest.approx(0, abs=4 * difference.std() / np.sqrt(n))
    assert set(np.unique(c["rating"])) == {0, 1, 2, 3, 4, 5}
    # 4,000 clicks, some 1,800 carts: conversions given cart and given none, each within four standard errors.
    skeleton = [line.split(",")[1:3] for line in (folder / "sample_skeleton_train.csv").read_text().splitlines()]
    click, conversion = np.array(skeleton, int).T
    assert (click == clicked).all()
    for cart, truth in ((1, "p_conversion_cart"), (0, "p_conversion_no_cart")):
        some = clicked & (c["cart"] == cart)
        error = np.sqrt(np.mean(c[truth][some] * (1 - c[truth][some])) / some.sum())
        assert conversion[some].mean() == pytest.approx(c[truth][some].mean(), abs=4 * error)


def test_carts_tell_as_much_as_the_knob_says():
    assert chain(0.0, 0.3, 0.1) == pytest.approx((0.1, 0.1))
    assert chain(1.0, 0.3, 0.1) == pytest.approx((0.1 / 0.3, 0.0))
    assert chain(1.0, 0.3, 0.6) == pytest.approx((1.0, 0.3 / 0.7))  # more conversions than carts
    # Half-way: the share by way of the cart is .3 + .5 (1 - .3) = .65.
    assert chain(0.5, 0.3, 0.1) == pytest.approx((0.1 * 0.65 / 0.3, 0.1 * 0.35 / 0.7))


def test_requests_are_runs_of_one_user_and_positions_their_permutations(folder):
    c = columns_of(folder)
    index = np.array([line.split(",")[3] for line in (folder / "sample_skeleton_train.csv").read_text().splitlines()])
    sizes = []
    starts = np.flatnonzero(np.diff(c["request_id"], prepend=0))
    for start, end in zip(starts, [*starts[1:], len(index)], strict=True):
        assert (c["request_id"][start:end] == c["sample_id"][start]).all()
        assert len(set(index[start:end])) == 1
        assert sorted(c["position"][start:end]) == list(range(1, end - start + 1))
        sizes.append(end - start)
    assert max(sizes) == 10


def test_the_older_ranker_favours_items_that_are_not_more_relevant(folder):
    """An item's mean position differs from item to item, relevance hardly with the position."""
    c = columns_of(folder)
    assert abs(np.corrcoef(c["position"], c["p_relevance"])[0, 1]) < 0.03
    items, first, inverse, count = np.unique(c["price"], return_index=True, return_inverse=True, return_counts=True)
    mean = np.bincount(inverse, c["position"]) / count
    often = count > 20
    assert mean[often].std() > 2 * c["position"].std() / np.sqrt(20)
    assert len(items) > 500
    assert len(first) == len(items)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ("--position-effect 1", "--position-effect needs --behaviours"),
        ("--behaviours --position-effect 3 --click-rate 0.5", "--click-rate 0.5: only 0."),
        ("--behaviours --cart-information 2", "--cart-information: should be a number from 0 to 1, got '2'"),
    ],
)
def test_a_bad_knob_is_one_line(tmp_path, capsys, knobs, message):
    with pytest.raises(SystemExit) as end:
        simulated(tmp_path / "out", f"--exposures 300 {knobs}")
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_preparation_carries_every_column_along(folder, prepared):
    schema = json.loads((prepared / "schema.json").read_text())
    assert schema["labels"] == ["click", "conversion", *LABELS]
    assert schema["columns"] == list(COLUMNS)
    assert schema["truth"] == ["p_click", "p_conversion", "p_click_given_inputs", *TRUTH]
    field = schema["fields"][-1]
    assert field["name"] == "position_id"
    assert field["offset"] + field["size"] == schema["id_space"] == field["offset"] + 11
    for part, source in (("train", "train"), ("valid", "train"), ("test", "test")):
        raw = columns_of(folder, source)
        table = pq.read_table(prepared / part / "exposures-00000.parquet")
        at = table["sample_id"].to_numpy() - 1
        for name, dtype in BEHAVIOURS.items():
            assert table[name].type == pa.from_numpy_dtype(dtype)
            assert (table[name].to_numpy() == raw[name][at].astype(dtype)).all()
        assert table["position_id"].to_pylist() == [[field["offset"] + p] for p in raw["position"][at].tolist()]


def reader(prepared: Path, labels=EVERYTHING, columns=(), fields=("205", "position_id")) -> ColumnarReader:
    config = Config(prepared / "c.yaml", {"hyper_parameters": {"fields": list(fields)}})
    kind = type("Reader", (ColumnarReader,), {"columns": columns})
    return kind(data_files(prepared / "train"), config, rules=LabelRules(labels, {}, (), implies=()))


def test_readers_offer_labels_columns_and_truth_by_name(folder, prepared):
    raw = columns_of(folder)
    for batch in reader(prepared, columns=("request_id", "price")).batches(ReadPlan(64, training=True, shuffle=True)):
        at = batch.sample_ids - 1
        assert set(batch.labels) == set(EVERYTHING)
        for name in (*LABELS, "price", "position"):
            assert batch.labels[name].dtype == np.float32
            assert (batch.labels[name] == raw[name][at].astype(np.float32)).all()
        assert (batch.columns["request_id"] == raw["request_id"][at]).all()
        assert batch.columns["request_id"].dtype == np.int64
        same = batch.columns["request_id"][:, None] == batch.columns["request_id"]
        assert ((batch.labels["request_id"][:, None] == batch.labels["request_id"]) == same).all()
        assert set(batch.truth) == {"p_click", "p_conversion", "p_click_given_inputs", *TRUTH}
        assert batch.truth["p_like"] == pytest.approx(raw["p_like"][at])


def test_a_reader_refuses_what_is_not_there(prepared):
    with pytest.raises(UserError, match=r"has columns price, position, request_id; expected colour"):
        reader(prepared, columns=("colour",))
    with pytest.raises(UserError, match=r"has labels .*; expected share"):
        reader(prepared, labels=("share",))


def side_file(raw: Path, split: str, **columns) -> None:
    samples = [row.sample for row in random_split(1 if split == "train" else 2).exposures]
    table = {"sample_id": samples} | {name: (value * len(samples))[: len(samples)] for name, value in columns.items()}
    pq.write_table(pa.table(table), raw / f"behaviours_{split}.parquet")


def test_a_user_s_own_side_file_may_hold_some_columns(tmp_path):
    raw = tmp_path / "raw"
    random_split(1).write(raw, "train")
    random_split(2).write(raw, "test")
    side_file(raw, "train", cart=[0, 1], position=[1, 2, 3])
    with pytest.raises(UserError, match=r"behaviours_test\.parquet: its columns differ from train's, cart, position"):
        prepare(raw, tmp_path / "out", Settings(), workers=1)
    side_file(raw, "test", cart=[1], position=[2, 4])
    prepare(raw, tmp_path / "out", Settings(), workers=1)
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    assert schema["labels"] == ["click", "conversion", "cart"]
    assert schema["fields"][-1]["size"] == 4  # positions 1 to 3, and the id of all others
    ids = pq.read_table(tmp_path / "out/test/exposures-00000.parquet")["position_id"].to_pylist()
    assert {i[0] - schema["fields"][-1]["offset"] for i in ids} == {2, 0}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cart": [0, None]}, "cart should be a number in every row"),
        ({"like": ["yes"]}, "like should be a number in every row"),
        ({"colour": [1]}, "holds none of the columns cart, like"),
    ],
)
def test_a_side_file_that_is_wrong_ends_the_run(tmp_path, columns, message):
    random_split(1).write(tmp_path / "raw", "train")
    side_file(tmp_path / "raw", "train", **columns)
    with pytest.raises(UserError, match=message):
        prepare(tmp_path / "raw", tmp_path / "out", Settings(), workers=1)


def test_the_bundled_sample_is_what_the_help_says_it_is(tmp_path):
    simulated(tmp_path / "raw", simulate.BEHAVIOURS_DEMO)
    prepare(tmp_path / "raw", tmp_path / "out", Settings(valid=0.0), workers=1)
    files = sorted(path.relative_to(BUNDLED) for path in BUNDLED.rglob("*.parquet"))
    assert len(files) == 5
    for file in files:
        assert pq.read_table(BUNDLED / file).equals(pq.read_table(tmp_path / "out" / file)), file
    assert sum(path.stat().st_size for path in BUNDLED.rglob("*.*")) < 500_000
    schema, made = (json.loads((folder / "schema.json").read_text()) for folder in (BUNDLED, tmp_path / "out"))
    assert schema["vocabulary_sha256"] == made["vocabulary_sha256"]
    assert reader(BUNDLED, fields=(*FIELD_NAMES, "position_id")).vocabulary_checksum == made["vocabulary_sha256"]
    assert (
        len(reader(BUNDLED, fields=(*FIELD_NAMES, "position_id")))
        == pq.read_metadata(BUNDLED / "train/exposures-00000.parquet").num_rows
    )
