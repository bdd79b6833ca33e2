"""prepare.py --extend: ids that go on from those of earlier data, and a model that goes on with them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rawfiles import Split, expected, random_split, read_back
from safetensors.numpy import load_file

from fields import FIELDS
from preparation.earlier import read_earlier
from preparation.pipeline import Settings, prepare
from rec.errors import UserError
from rec.table.table import initial_weights
from support import ESMM, Tool, alone

SETTINGS = Settings(min_count=2, valid=0.0)
SMALL = (
    "runner.valid_data_dir=null", "runner.best_metric=null", "runner.save_steps=0", "runner.train_batch_size=32",
    "hyper_parameters.ctr_fc_sizes=[8]", "hyper_parameters.cvr_fc_sizes=[8]", "hyper_parameters.sparse_feature_dim=4",
)  # fmt: skip


def prepared(folder: Path, day: int, before: Path | None = None, settings: Settings = SETTINGS) -> Path:
    """A day's data; the test part is the same every day."""
    raw, out = folder / f"raw{day}", folder / f"day{day}"
    random_split(day).write(raw, "train")
    random_split(9, rows=15).write(raw, "test")
    prepare(raw, out, settings, workers=2, earlier=read_earlier(before) if before else None)
    return out


def counts_of(split: Split) -> Counter:
    """How often each id of a field stands in the stored tokens: a common row counts once, if it is referred to."""
    used = {row.index for row in split.exposures}
    rows = [row.tokens for row in split.exposures] + [row.tokens for row in split.common if row.index in used]
    return Counter((name, number) for tokens in rows for name, number, _ in tokens)


def table(path: Path) -> dict[str, dict[int, tuple[int, int]]]:
    """By field and original id, in the file's order, the new id and the count."""
    found: dict[str, dict[int, tuple[int, int]]] = {}
    for row in pq.read_table(path).to_pylist():
        found.setdefault(row["field"], {})[row["original_id"]] = (row["id"], row["count"])
    return found


def test_ids_keep_their_places_and_counts_go_on(tmp_path):
    first = prepared(tmp_path, 1)
    second = prepared(tmp_path, 2, first)
    days = [counts_of(random_split(day)) for day in (1, 2)]
    total = days[0] + days[1]
    old, new = (table(day / "vocabulary.parquet") for day in (first, second))
    rare = table(second / "waiting.parquet")
    schema = json.loads((second / "schema.json").read_text())
    offsets = {field["name"]: field["offset"] for field in schema["fields"]}
    came = 0
    for field in FIELDS:
        name = field.name
        known = [number for (of, number), count in days[0].items() if of == name and count >= 2]
        fresh = sorted(n for (of, n), count in total.items() if of == name and count >= 2 and n not in known)
        came += sum(days[1][name, number] == 1 for number in fresh)
        assert list(new.get(name, {})) == [*sorted(known), *fresh]
        assert list(new.get(name, {}))[: len(known)] == list(old.get(name, {}))
        places = [number for number, _ in new.get(name, {}).values()]
        assert places == [offsets[name] + 1 + place for place in range(len(places))]
        assert all(count == total[name, number] for number, (_, count) in new.get(name, {}).items())
        waiting = {number: count for (of, number), count in total.items() if of == name and count < 2}
        assert {number: count for number, (_, count) in rare.get(name, {}).items()} == waiting
    assert came > 10  # ids that each day has once


def test_nothing_is_lost(tmp_path):
    first = prepared(tmp_path, 1, settings=Settings(valid=0.0))
    second = prepared(tmp_path, 2, first, settings=Settings(valid=0.0))
    assert sorted(read_back(second, "train")) == sorted(expected(random_split(2)))
    known = {(name, number) for day in (1, 2) for name, number in counts_of(random_split(day))}
    assert {(name, number) for name, ids in table(second / "vocabulary.parquet").items() for number in ids} == known


def test_a_model_goes_on(tmp_path, tool: Tool, monkeypatch):
    """What it says of the same impressions is the same, whichever day's ids they come with; two days later, too."""
    monkeypatch.chdir(tmp_path)
    days = [prepared(tmp_path, 1)]
    for day in (2, 3):
        days.append(prepared(tmp_path, day, days[-1]))

    def run(name: str, day: int, out: str, *more: str) -> str:
        places = [f"runner.train_data_dir={days[day - 1]}/train", f"runner.test_data_dir={days[day - 1]}/test"]
        options = (*SMALL, *places, f"runner.model_save_path={out}", *more)
        done = tool(name, "-m", ESMM / "config_bigdata.yaml", "-o", *options)
        assert done.code == 0, done.err
        return done.err

    run("trainer", 1, "first")
    for day in (1, 2, 3):
        said = run("infer", day, "first", f"runner.predict_save_path={day}.csv")
        assert ("are new, and unknown to it" in said) == (day > 1)
    assert Path("1.csv").read_text() == Path("2.csv").read_text() == Path("3.csv").read_text()
    for name in ("trainer", "static_trainer"):
        run(name, 2, name, "runner.warm_start=first/0", "runner.epochs=1")
        run(name, 2, name, "runner.warm_start=first/0", "runner.epochs=2", "runner.resume=true")
        run(name, 2, f"{name}-whole", "runner.warm_start=first/0", "runner.epochs=2")
        for path in Path(f"{name}-whole/1").glob("*.safetensors"):
            assert path.read_bytes() == (Path(name) / "1" / path.name).read_bytes()
    run("trainer", 3, "third", "runner.warm_start=first/0")
    back = tool("trainer", "-m", ESMM / "config_bigdata.yaml", "-o", *SMALL, f"runner.train_data_dir={days[0]}/train",
                "runner.test_data_dir=~drop", "runner.warm_start=third/0", "runner.model_save_path=back")  # fmt: skip
    assert back.code == 2
    assert "the vocabulary of the prepared data was" in back.err.splitlines()[-1]


def test_each_row_is_its_value_s(tmp_path, tool: Tool, monkeypatch):
    """Rows and their optimizer state, by field and original id; the second day's steps are too short to be seen."""
    monkeypatch.chdir(tmp_path)
    first = prepared(tmp_path, 1)
    days = [first, prepared(tmp_path, 2, first)]
    unseen = "hyper_parameters.table_optimizer={class: Adam, learning_rate: 1.0e-30}"
    start = {"first": (), "second": ("runner.warm_start=first/0", unseen)}
    for day, (out, more) in zip(days, start.items(), strict=True):
        places = (f"runner.train_data_dir={day}/train", "runner.test_data_dir=~drop", f"runner.model_save_path={out}")
        options = (*SMALL, *places, "runner.seed=7", *more)
        done = tool("trainer", "-m", ESMM / "config_bigdata.yaml", "-o", *options)
        assert done.code == 0, done.err
    old, new = (table(day / "vocabulary.parquet") for day in days)
    weights, states = ([load_file(f"{out}/0/{name}.safetensors") for out in start] for name in ("rec", "rec.opt"))
    before, now = (each["embedding.weight"] for each in weights)
    known = [(old[name][number][0], new[name][number][0]) for name in old for number in old[name]]
    fresh = [new[name][number][0] for name in new for number in new[name].keys() - old.get(name, {}).keys()]
    assert len(known) > 100
    assert len(fresh) > 10
    was, is_now = np.array(known).T
    np.testing.assert_array_equal(now[is_now], before[was])
    # As a table's new values do: by seed, width (the network's own: 0) and the number of days before.
    np.testing.assert_array_equal(now[fresh], initial_weights(*now.shape, 7, 0, 1)[fresh])
    used = {int(i) for path in days[1].glob("train/*-00000.parquet") for column in pq.read_table(path).select(
        [name for name in pq.read_schema(path).names if name in {field.name for field in FIELDS}]
    ).columns for i in column.combine_chunks().flatten().to_numpy()}  # fmt: skip
    rests = [(a, b) for a, b in known if b not in used]
    assert len(rests) > 10
    was, is_now = np.array(rests).T
    for name in (name for name in states[0] if name.startswith("embedding.weight/")):
        np.testing.assert_array_equal(states[1][name][is_now], states[0][name][was])


def test_the_doctor_knows_which_day_goes_on_from_which(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = prepared(tmp_path, 1)
    days = [first, prepared(tmp_path, 2, first)]

    def run(name: str, train: int, test: int, *more: str) -> dict[str, str]:
        places = (f"runner.train_data_dir={days[train - 1]}/train", f"runner.test_data_dir={days[test - 1]}/test")
        alone(name, "-m", ESMM / "config_bigdata.yaml", "-o", *SMALL, *places, *more)
        found = json.loads(Path("doctor.json").read_text())["findings"] if name == "doctor" else []
        return {each["check"]: f"{each['severity']}: {each['found']}" for each in found}

    run("trainer", 1, 1, "runner.model_save_path=first")
    run("trainer", 2, 2, "runner.model_save_path=second", "runner.warm_start=first/0")
    assert "start" not in run("doctor", 2, 2, "runner.warm_start=first/0")
    back = run("doctor", 1, 1, "runner.warm_start=second/0")
    assert back["start"].startswith(
        "wrong: second/0: was trained on data read otherwise: the vocabulary of the prepared"
    )
    ahead = run("doctor", 1, 2)  # what infer.py can do: a day before it is trained on
    assert ahead["test reader"].startswith("note: test data go on from the ids of the training data")
    assert "test rows" not in ahead
    assert run("doctor", 2, 1)["test reader"].startswith("wrong: runner.test_data_dir: ")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("schema.json", "is no folder that prepare.py wrote"),
        ("vocabulary.parquet", "is no folder that prepare.py wrote"),
        ("waiting.parquet", r"has no waiting\.parquet, which tells how often rare ids have occurred"),
        ("another", r"vocabulary\.parquet: is not the one that schema\.json says"),
    ],
)
def test_what_cannot_be_gone_on_from(tmp_path, damage, message):
    first = prepared(tmp_path, 1)
    if damage == "another":
        found = pq.read_table(first / "vocabulary.parquet")
        pq.write_table(found.take(np.arange(len(found))[::-1]), first / "vocabulary.parquet")
    else:
        (first / damage).unlink()
    with pytest.raises(UserError, match=message):
        read_earlier(first)
