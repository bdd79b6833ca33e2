"""`runner.metrics` and `runner.segments` over whole runs, held against what the file of predictions says."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from support import ROOT, Tool

MODES = {"dynamic": ("trainer", "infer"), "static": ("static_trainer", "static_infer")}
DIRECTORIES = ROOT / "tests" / "contract" / "directories"


def gauc(rows: pd.DataFrame, score: str, label: str, by: str) -> float:
    """By its definition."""
    areas, sizes = [], []
    for _, own in rows.groupby(by):
        if own[label].nunique() == 2:
            areas.append(roc_auc_score(own[label], own[score]))
            sizes.append(len(own))
    return float(np.average(areas, weights=sizes))


def measured(epoch: int = 1) -> Any:
    return json.loads(Path(f"out/{epoch}/metrics.json").read_text())


@pytest.mark.parametrize("mode", MODES)
def test_lines_of_text(tool: Tool, tiny, tmp_path, mode):
    trainer, infer = MODES[mode]
    metrics = "runner.metrics=[auc, ece, {gauc: {by: user}}, {ndcg@3: {by: user}}]"
    more = [metrics, "runner.segments=[item]", f"runner.valid_data_dir={tmp_path / 'test'}"]
    log = tool(trainer, *tiny, *more, "runner.best_metric=gauc_ctr").err
    (valid,) = re.findall(r"validation, epoch: 1 done,.* gauc_ctr: ([0-9.]+), ndcg@3_ctr: ", log)
    state = json.loads(Path("out/1/state.json").read_text())["metrics"]
    last = [json.loads(line) for line in Path("out/history.jsonl").read_text().splitlines()][-1]["values"]
    assert state["gauc_ctr"] == last["gauc_ctr"] == pytest.approx(float(valid), abs=1e-6)

    outcome = tool(infer, *tiny, *more, "runner.predict_save_path=p.parquet")
    found, rows = measured(), pd.read_parquet("p.parquet")
    lines = (tmp_path / "test" / "part-0.txt").read_text().splitlines()
    for field in ("user", "item"):
        rows[field] = [re.search(rf"{field}:(\d+)", line)[1] for line in lines]
    assert found["metrics"]["ctr"]["gauc"]["value"] == pytest.approx(gauc(rows, "pctr", "click", "user"), abs=1e-9)
    assert found["metrics"]["ctr"]["gauc"]["value"] == pytest.approx(state["gauc_ctr"], abs=1e-6)
    clicked = rows[rows["click"] == 1]
    expected = gauc(clicked, "pcvr", "conversion", "user")
    assert found["metrics"]["cvr"]["gauc"]["value"] == pytest.approx(expected, abs=1e-9)
    assert list(found["metrics"]) == ["ctr", "cvr", "ctcvr"]
    assert found["metrics"]["ctr"]["auc"]["value"] == found["tasks"]["ctr"]["auc"]
    assert found["metrics"]["ctr"]["auc"]["high"] == found["tasks"]["ctr"]["auc_high"]
    by_item = found["segments"]["item"]
    assert list(by_item) == [str(item) for item in range(20, 40)]
    own = rows[rows["item"] == "25"]
    assert by_item["25"]["ctr"]["auc"]["value"] == pytest.approx(roc_auc_score(own["click"], own["pctr"]), abs=1e-9)
    assert by_item["25"]["ctr"]["auc"]["n"] == len(own)
    assert f"{found['metrics']['ctr']['ndcg@3']['value']:.4f}" in outcome.out
    assert "by item" in outcome.out


def test_what_is_not_asked_for_changes_nothing(tool: Tool, tiny, tmp_path):
    valid = f"runner.valid_data_dir={tmp_path / 'test'}"
    tool("trainer", *tiny, valid)
    tool("infer", *tiny)
    plain, weights = measured(), Path("out/1/rec.safetensors").read_bytes()
    assert "metrics" not in plain
    tool("trainer", *tiny, valid, "runner.metrics=[mrr: {by: user}]", "runner.overwrite=true")
    tool("infer", *tiny, "runner.metrics=[mrr: {by: user}]")
    assert Path("out/1/rec.safetensors").read_bytes() == weights
    asked = measured()
    assert asked.pop("segments") == {}
    assert list(asked.pop("metrics")["ctr"]) == ["mrr"]
    assert {**asked, "seconds": 0} == {**plain, "seconds": 0}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["runner.metrics=[gauk]"], "runner.metrics: 'gauk' is no metric (did you mean gauc?)"),
        (["runner.metrics=[gauc]"], "runner.metrics: there is no column user_id; there are user, item, tags"),
        (["runner.metrics=[gauc: {by: tags}]"], "field tags has several values in a row"),
        (["runner.metrics=[auc]", "runner.segments=[quantile(user)]"], "field user holds ids, which are no numbers"),
        (["runner.metrics=[auc]", "runner.segments=[is_new_user]"], "do not tell which values training has seen"),
        (
            ["runner.metrics=[mae]"],
            "runner.metrics: mae judges numbers (head: regression), and the model predicts none",
        ),
        (["runner.metrics=auc"], "runner.metrics should be a list"),
        (["runner.segments=[user]"], "runner.segments needs runner.metrics"),
    ],
)
def test_a_mistake_ends_in_one_line(tool: Tool, tiny, tmp_path, settings, said):
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    for name, more in (
        ("infer", []),
        ("trainer", [f"runner.valid_data_dir={tmp_path / 'test'}", "runner.resume=true"]),
    ):
        outcome = tool(name, *tiny, *settings, *more)
        assert outcome.code == 2, outcome.err
        assert said in outcome.err.splitlines()[-1]


def test_calibration_ranks_nothing(tool: Tool, tiny, tmp_path):
    more = [f"runner.valid_data_dir={tmp_path / 'test'}", "runner.metrics=[calibration, ece]"]
    outcome = tool("trainer", *tiny, *more, "runner.best_metric=calibration_ctr")
    assert "runner.best_metric: calibration_ctr is not measured" in outcome.err
    assert "ece_ctr" in outcome.err
    assert tool("trainer", *tiny, *more, "runner.best_metric=ece_ctr").code == 0
    values = {epoch: json.loads(Path(f"out/{epoch}/state.json").read_text())["metrics"]["ece_ctr"] for epoch in (0, 1)}
    from rec.checkpoint.store import Store

    assert Store("out").best("ece_ctr").name == str(min(values, key=values.__getitem__))  # lower is better


def shop(count: int = 900) -> pd.DataFrame:
    """Impressions of a shop: a fifth of the test rows' users are new."""
    rng = np.random.default_rng(8)
    user = rng.integers(0, 40, count)
    user[-300:] = rng.integers(0, 50, 300)
    rows = pd.DataFrame({
        "uid": [f"u{n}" for n in user],
        "item": rng.integers(0, 30, count),
        "category": rng.choice(["shoes", "hats", None], count),
        "hour": rng.integers(0, 24, count),
        "price": np.where(rng.random(count) < 0.1, np.nan, np.round(rng.gamma(2, 10, count), 2)),
        "session": np.arange(count) // 5,
        "weight": rng.integers(1, 4, count),
        "day": np.repeat([1, 2, 3], count // 3),
    })  # fmt: skip
    rows["clicked"] = (rng.random(count) < np.where(rows["item"] < 10, 0.6, 0.2)).astype(int)
    rows["bought"] = rows["clicked"] * (rng.random(count) < 0.5)
    rows["seconds"] = rows["clicked"] * rng.integers(0, 90, count)
    return rows


CONFIG = f"""
model: {ROOT / "models" / "multitask" / "share_bottom"}
runner:
  train_data_dir: log
  valid_data_dir: log
  test_data_dir: log
  train_batch_size: 64
  infer_batch_size: 128
  epochs: 2
  model_save_path: out
  infer_start_epoch: 0
  metrics: [auc, {{auc: {{weight: weight, name: auc_weighted}}}}, {{gauc: {{by: user}}}}, ndcg@3, mae, rmse]
  segments: [category, hour, is_new_user, quantile(price)]
  predict_save_path: p.parquet
hyper_parameters:
  optimizer: {{class: Adam, learning_rate: 0.01}}
  sparse_feature_dim: 4
  sharing: {{kind: share_bottom, fc_sizes: [8]}}
  tower_fc_sizes: [8]
  behaviours: {{click: , conversion: {{implies: click}}, seconds: {{head: regression, space: click, start: 40}}}}
data:
  labels: {{click: clicked, conversion: bought, request_id: session}}
  numbers: {{seconds: seconds}}
  fields: {{user: {{column: uid}}, item: , category: }}
  keep: [uid, category, hour, price, session, weight]
  test: {{by: day, after: 2}}
  valid: {{by: day, after: 1}}
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").mkdir()
    shop().to_parquet(tmp_path / "log" / "shop.parquet")
    (tmp_path / "c.yaml").write_text(CONFIG)
    return ["-m", "c.yaml", "-o"]


@pytest.mark.parametrize("mode", MODES)
def test_a_table_and_the_same_prepared(tool: Tool, table, tmp_path, mode):
    trainer, infer = MODES[mode]
    log = tool(trainer, *table, "runner.epochs=2")
    assert log.code == 0, log.err
    outcome = tool(infer, *table, "runner.infer_end_epoch=2")
    assert outcome.code == 0, outcome.err
    found, rows = measured(), pd.read_parquet("p.parquet")
    assert len(rows) == 300
    ctr, seconds = found["metrics"]["ctr"], found["metrics"]["seconds"]
    assert ctr["gauc"]["value"] == pytest.approx(gauc(rows, "pctr", "click", "uid"), abs=1e-9)
    weighted = roc_auc_score(rows["click"], rows["pctr"], sample_weight=rows["weight"])
    assert ctr["auc_weighted"]["value"] == pytest.approx(weighted, abs=1e-9)
    assert ctr["ndcg@3"]["groups_total"] == 60
    clicked = rows[rows["click"] == 1]
    error = (clicked["pseconds"].astype(np.float64) - clicked["seconds"]).abs()
    assert seconds["mae"]["value"] == pytest.approx(error.mean(), rel=1e-9)
    assert seconds["mae"]["n"] == len(clicked)

    segments = found["segments"]
    assert list(segments) == ["category", "hour", "is_new_user", "quantile(price)"]
    assert list(segments["category"]) == ["hats", "shoes", "(empty)"]
    assert [int(hour) for hour in segments["hour"]] == sorted(set(rows["hour"]))
    trained = set(shop()["uid"][:300])  # day 1
    known = rows["uid"].isin(trained)
    assert 0 < (~known).sum() < 300
    for name, own in (("known", rows[known]), ("new", rows[~known])):
        each = segments["is_new_user"][name]["ctr"]["auc"]
        assert (each["n"], each["value"]) == (
            len(own), pytest.approx(roc_auc_score(own["click"], own["pctr"]), abs=1e-9),
        )  # fmt: skip
    parts = segments["quantile(price)"]
    assert [each["ctr"]["auc"]["n"] for each in parts.values()][-1] == rows["price"].isna().sum()
    assert len(parts) == 5

    refused = tool("prepare", "bare", *table, "runner.metrics=[auc]", "runner.segments=[]")
    assert refused.code == 0, refused.err
    assert tool("prepare", "prepared", *table, "runner.epochs=2").code == 0
    bare, prepared = (
        [*table, *(f"runner.{part}_data_dir={tmp_path / name}" for part in ("train", "valid", "test"))]
        for name in ("bare", "prepared")
    )
    outcome = tool(infer, *bare)
    assert outcome.code == 2
    assert "was prepared without the column weight of runner.metrics" in outcome.err
    outcome = tool(infer, *prepared)
    assert outcome.code == 0, outcome.err
    again = measured()
    assert (again["metrics"], again["segments"]) == (found["metrics"], found["segments"])


def test_a_column_of_that_name_comes_first(tool: Tool, table):
    rows = shop()
    rows["is_new_user"] = rows["hour"] < 6
    rows.to_parquet("log/shop.parquet")
    tool("trainer", *table, "runner.epochs=1")
    assert tool("infer", *table, "runner.epochs=1").code == 0
    counts = {name: each["ctr"]["auc"]["n"] for name, each in measured(0)["segments"]["is_new_user"].items()}
    night = int(rows["is_new_user"][600:].sum())
    assert counts == {"false": 300 - night, "true": night}


@pytest.mark.parametrize(
    "fields", ["{user: {column: uid, hash_size: 100}, item: }", "{user: {column: uid, separator: '-'}}"]
)
def test_what_a_field_cannot_tell(tool: Tool, table, fields):
    outcome = tool("trainer", *table, f"data.fields={fields}", "runner.metrics=[auc]", "runner.segments=[is_new_user]")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1] in (
        "error: runner.segments: is_new_user: ids of hashed values do not tell which training has seen",
        "error: runner.metrics and segments: is_new_user: the field has no single value in a row",
    )


def test_a_column_that_is_not_there(tool: Tool, table):
    outcome = tool("trainer", *table, "runner.segments=[colour]")
    assert outcome.code == 2
    assert "has no column colour; its columns are uid, item, category" in outcome.err


def test_prepared_ali_ccp(tool: Tool, tmp_path, monkeypatch):
    """The bundled sample: users in common rows, requests, positions and prices in columns of numbers."""
    monkeypatch.chdir(tmp_path)
    multitask = ROOT / "models" / "multitask"
    config = ["-m", multitask / "mmoe" / "config.yaml", "-o", "runner.epochs=1", "runner.model_save_path=out"]
    metrics = 'runner.metrics=[{gauc: {by: "101"}}, {gauc: {by: request_id, name: gauc_request}}, hit_rate@3]'
    more = [metrics, 'runner.segments=["121", position, quantile(price)]', "runner.predict_save_path=p.parquet"]
    assert tool("trainer", *config, *more).code == 0
    outcome = tool("infer", *config, *more)
    assert outcome.code == 0, outcome.err
    found, rows = measured(0), pd.read_parquet("p.parquet").set_index("sample_id")
    files = sorted((multitask / "data" / "behaviours" / "test").glob("exposures-*.parquet"))
    common = pd.concat([pd.read_parquet(str(path).replace("exposures", "common")) for path in files], ignore_index=True)
    raw = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True).set_index("sample_id")
    assert len(files) == 1
    raw = raw.join(common[["101", "121"]], on="common_row")
    raw["user"], raw["age"] = (raw[name].map(lambda ids: str(ids[0]) if len(ids) else "") for name in ("101", "121"))
    rows = rows.join(raw[["user", "age", "request_id", "position", "price"]])
    ctr = found["metrics"]["ctr"]
    users = rows[rows["user"] != ""]
    assert ctr["gauc"]["value"] == pytest.approx(gauc(users, "pctr", "click", "user"), abs=1e-9)
    assert ctr["gauc_request"]["value"] == pytest.approx(gauc(rows, "pctr", "click", "request_id"), abs=1e-9)
    assert ctr["hit_rate@3"]["groups_total"] == rows["request_id"].nunique()
    counts = {n: each["ctr"]["gauc"]["n"] for n, each in found["segments"]["position"].items()}
    assert counts == {str(n): (rows["position"] == n).sum() for n in sorted(set(rows["position"]))}
    ages = {n: each["ctr"]["gauc"]["n"] for n, each in found["segments"]["121"].items()}
    assert ages == {age or "(empty)": (rows["age"] == age).sum() for age in set(rows["age"])}
    assert sum(each["ctr"]["gauc"]["n"] for each in found["segments"]["quantile(price)"].values()) == len(rows)
    outcome = tool("infer", *config, "runner.metrics=[gauc]")
    assert "runner.metrics: there is no column user_id; there are 101, 109_14" in outcome.err


def test_paddlerec_directories_are_told(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = tool("trainer", "-m", DIRECTORIES / "rows_fm" / "config.yaml", "-o", "runner.metrics=[auc]")
    assert "runner.metrics has no effect: the directory counts its own" in outcome.err


def test_a_segment_by_lists_is_refused(tool: Tool, table):
    rows = shop()
    rows["tags"] = [[1, 2]] * len(rows)
    rows.to_parquet("log/shop.parquet")
    outcome = tool("trainer", *table, "runner.segments=[tags]")
    assert outcome.code == 2
    assert "column tags holds list<element: int64>, expected one value in a row" in outcome.err.splitlines()[-1]
