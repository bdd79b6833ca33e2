"""A day's training begins with the rows of the day before: who was there keeps his, and what is new has new ones."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from rec.config.config import load
from rec.data.vocabulary import Vocabulary
from rec.run.assembly import Run, assemble
from support import ROOT, Tool

CONFIG = f"""
model: {ROOT / "models" / "rank" / "deepfm"}
runner: {{train_data_dir: day1, epochs: 1, train_batch_size: 16, model_save_path: out1, shuffle_chunk: 4}}
data:
  labels: {{click: click}}
  grow_vocabulary: true
  common: {{by: user, fields: [user]}}
  fields:
    user: {{dim: 6}}
    city: {{hash_size: 7}}
    item: {{pretrained: items.parquet}}
    seen: {{separator: "|", shares: item, sequence: 3}}
    price: {{buckets: 3}}
    tag: {{trainable: false}}
    age: {{column: price, numeric: standardize}}
    past: {{column: user, statistic: {{of: click, by: day}}}}
hyper_parameters:
  {{optimizer: {{class: Adam, ema: 0.9}}, behaviours: {{click: }}, sparse_feature_dim: 4, tower_fc_sizes: [4]}}
"""
WIDTHS = {"user": 6, "item": 4, "price": 4, "tag": 4}
TABLES = {4: "embedding.weight", 6: "embedding_6.weight"}


def write_day(day: int, rows: int = 120) -> None:
    """Users 4 * day to 4 * day + 11, items 3 * day to 3 * day + 8, tags day to day + 3."""
    random = np.random.default_rng(day)
    items = random.integers(0, 9, rows) + 3 * day
    columns = {
        "user": [f"u{n}" for n in random.integers(0, 12, rows) + 4 * day],
        "city": random.integers(0, 30, rows),
        "item": [f"i{n}" for n in items],
        "seen": ["|".join(f"i{n}" for n in random.integers(0, 9, 3) + 3 * day) for _ in range(rows)],
        "price": random.random(rows) + day,
        "tag": [f"t{n}" for n in random.integers(0, 4, rows) + day],
        "day": [day] * rows,
        "click": (random.random(rows) < 0.2 + 0.05 * (items % 9)).astype(int),
    }
    Path(f"day{day}").mkdir()
    pq.write_table(pa.table(columns), f"day{day}/t.parquet")


def write_vectors(*items: int) -> None:
    """A pretrained vector of each item, its number four times."""
    vectors = {"value": [f"i{n}" for n in items], "vector": [[float(n)] * 4 for n in items]}
    pq.write_table(pa.table(vectors), "items.parquet")


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tool):
    monkeypatch.chdir(tmp_path)
    write_day(1)
    write_day(2)
    write_vectors(2, 5, 40)
    Path("config.yaml").write_text(CONFIG)

    def run(day: int, *overrides: str, name: str = "trainer"):
        before = [f"runner.warm_start=out{day - 1}/0"] if day > 1 else []
        given = [f"runner.train_data_dir=day{day}", f"runner.model_save_path=out{day}", *before, *overrides]
        return tool(name, "-m", "config.yaml", "-o", *given)

    return run


def begun(mode: str, *overrides: str) -> Run:
    """The second day's training before its first step."""
    second = ["runner.train_data_dir=day2", "runner.model_save_path=out2", "runner.warm_start=out1/0", *overrides]
    run = assemble(load("config.yaml", second), mode, "train")
    return run.restore(run.start)


def rows_of(vocabulary: Vocabulary, name: str) -> dict[str, int]:
    """A field's values, and the unknown one "", by their place in the table of their width."""
    values = vocabulary.values[name]
    narrow = sum(vocabulary.size(each) for each in vocabulary.values if WIDTHS.get(each) != 6)
    first = vocabulary.offset(name) - (narrow if name == "user" else 0)
    return {"": first, **{value: first + 1 + place for place, value in enumerate(values or [])}}


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_values_keep_their_rows_and_new_ones_begin_anew(train, mode):
    assert train(1).code == 0
    before = Vocabulary.load(Path("out1/0/vocabulary.json"))
    weights, states = load_file("out1/0/rec.safetensors"), load_file("out1/0/rec.opt.safetensors")
    write_vectors(2, 5, 40, 13)
    run = begun(mode)
    now, table = run.reader.vocabulary, run.engine.table
    own = {**table.weights(), **table.optimizer_state()}
    drawn = np.concatenate([weights[name].reshape(-1) for name in TABLES.values()])
    for field, width in WIDTHS.items():
        old, new = rows_of(before, field), rows_of(now, field)
        assert list(new)[: len(old)] == list(old)
        assert len(new) > len(old) or field == "price"
        for value, row in new.items():
            for name, array in own.items():
                if name.split("/")[0] != TABLES[width]:
                    continue
                if value in old:
                    stored = (states if "/" in name else weights)[name]
                    assert (array[row] == stored[old[value]]).all()
                elif name.endswith("/moved"):  # what moves, where averages stand for it
                    assert (array[row] == own[TABLES[width]][row]).all()
                elif "/" in name:
                    assert (array[row] == 0).all()
                elif (field, value) == ("item", "i13"):
                    assert (array[row] == 13).all()
                else:
                    assert not np.isin(array[row], drawn).any()
                    assert np.abs(array[row]).max() < 0.1
    hashed = [vocabulary.offset("city") + np.arange(8) for vocabulary in (before, now)]
    assert (own["embedding.weight"][hashed[1]] == weights["embedding.weight"][hashed[0]]).all()
    for name in ("embedding.weight/moment1", "embedding_6.weight/moment1"):
        assert np.count_nonzero(own[name]) > 0
    network = [name for name in weights if not name.startswith("embedding")]
    assert all((run.engine.state().weights[name] == weights[name]).all() for name in network)


def test_either_mode_trains_the_same_and_says_what_came_and_went(train):
    train(1)
    outcome = train(2, "data.admit_count=3", "data.evict_after=1", "data.max_rows=8")
    assert outcome.code == 0, outcome.err
    weights = Path("out2/0/rec.safetensors").read_bytes()
    assert train(2, "data.admit_count=3", "data.evict_after=1", "data.max_rows=8", name="static_trainer").code == 0
    assert Path("out2/0/rec_static.safetensors").read_bytes() == weights
    state = json.loads(Path("out2/0/state.json").read_text())["vocabulary"]
    old, now = (Vocabulary.load(Path(f"out{day}/0/vocabulary.json")) for day in (1, 2))
    assert state["day"] == 2
    for name, said in state["fields"].items():
        was, known = set(old.values[name]), set(now.values[name])
        assert (said["known"], said["new"], said["freed"]) == (len(known), len(known - was), len(was - known))
        assert f"field {name}: {said['new']} new rows, {said['freed']} freed" in outcome.err
    assert state["fields"]["user"]["known"] == 8
    assert state["fields"]["user"]["freed"] > 0
    assert {"i2", "i40"} <= set(now.values["item"])  # pretrained ones stay


def test_counts_and_rates_go_on_and_scales_stay(train):
    train(1)
    train(2)
    old, now = (Vocabulary.load(Path(f"out{day}/0/vocabulary.json")) for day in (1, 2))
    tables = [pq.read_table(f"day{day}/t.parquet").to_pydict() for day in (1, 2)]
    users = tables[0]["user"] + tables[1]["user"]
    clicks = np.array(tables[0]["click"] + tables[1]["click"])
    assert now.counts["user"] == [users.count(user) for user in now.values["user"]]
    assert (now.scales, now.edges) == (old.scales, old.edges)
    rates = now.rates["past"]
    assert rates.periods == ["1", "2"]
    assert rates.mean == pytest.approx(np.mean(tables[0]["click"]))
    third_day = rates(pa.chunked_array([["u9"]]), np.array([2]), training=True)[0]
    own = clicks[np.array(users) == "u9"]
    assert third_day == pytest.approx((own.sum() + 20 * rates.mean) / (len(own) + 20))


def test_a_day_that_goes_on_ends_as_one_that_was_not_interrupted(train):
    train(1)
    assert train(2, "runner.epochs=2").code == 0
    whole = {path.name: path.read_bytes() for path in Path("out2/1").glob("[rv]*")}
    assert len(whole) == 3
    train(2, "runner.model_save_path=parts")
    outcome = train(2, "runner.epochs=2", "runner.model_save_path=parts", "runner.resume=true")
    assert "resumed from parts/0" in outcome.err
    assert "vocabulary, day" not in outcome.err
    assert {path.name: path.read_bytes() for path in Path("parts/1").glob("[rv]*")} == whole


def test_each_days_checkpoint_is_evaluated_with_its_own_vocabulary(train, tool):
    train(1)
    train(2)
    for day, unseen in ((1, True), (2, False)):
        given = [f"runner.infer_load_path=out{day}", "runner.test_data_dir=day2", "runner.infer_batch_size=64"]
        outcome = tool("infer", "-m", "config.yaml", "-o", *given)
        assert outcome.code == 0, outcome.err
        assert ("user 0.0%" not in outcome.err) == unseen


def test_a_vocabulary_that_did_not_grow_may_begin_to(train):
    train(1, "data.grow_vocabulary=false")
    assert "growth" not in json.loads(Path("out1/0/vocabulary.json").read_text())
    assert train(2).code == 0
    assert Vocabulary.load(Path("out2/0/vocabulary.json")).growth.day == 2


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["data.grow_vocabulary=false", "data.admit_count=2"], "data.admit_count means nothing without"),
        (["data.min_count=2"], "leave data.min_count out"),
        (["data.fields.user.min_count=2"], "leave data.fields.user.min_count out"),
        (["data.evict_by=frequency"], "data.evict_by means nothing without data.max_rows"),
        (["data.evict_after=0"], "data.evict_after"),
        (["last_epoch=0", "runner.warm_start=null"], "last_epoch goes on: leave one out"),
        (["runner.warm_start=empty"], "empty: has no vocabulary"),
        (["runner.train_data_dir=prepared"], "is a prepared table, whose ids do not grow"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(train, tool, overrides, said):
    train(1)
    if "runner.warm_start=empty" in overrides:
        Path("empty").mkdir()
        Path("empty/rec.safetensors").write_bytes(Path("out1/0/rec.safetensors").read_bytes())
        Path("empty/rec.opt.safetensors").write_bytes(Path("out1/0/rec.opt.safetensors").read_bytes())
    if "runner.train_data_dir=prepared" in overrides:
        tool("prepare", "-m", "config.yaml", "prepared", "-o", "data.grow_vocabulary=false")
    outcome = train(2, *overrides)
    assert outcome.code == 2
    assert said in outcome.err.splitlines()[-1]


def test_prepare_refuses(train, tool):
    outcome = tool("prepare", "-m", "config.yaml", "prepared")
    assert outcome.code == 2
    assert "a prepared table's ids do not grow" in outcome.err
