"""tools/fuse.py over files of predictions, and over two runs of trained models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from rec.errors import UserError
from rec.fuse.formula import Formula
from rec.scoring.manifest import Array, ExportManifest, read_export, write_export
from support import ESMM, Outcome, Tool
from worlds import world


def fuse(tool: Tool, *arguments: object) -> Outcome:
    return tool("fuse", *arguments, "--to", "found")


def report() -> dict[str, Any]:
    return json.loads(Path("found/report.json").read_text())


def refused(outcome: Outcome) -> str:
    assert outcome.code == 2, outcome.err
    assert not Path("found").exists()
    return outcome.err.splitlines()[-1]


def write(name: str, columns: dict[str, Any]) -> None:
    table = pa.table(columns)
    if name.endswith(".csv"):
        pyarrow.csv.write_csv(table, name)
    else:
        pq.write_table(table, name)


def an_export(folder: Path, *names: str) -> None:
    """An exported model, but for its files, that predicts these."""
    outputs = [Array(name=name, dtype="float32", shape=["impressions"], meaning="") for name in names]
    empty: dict[str, Any] = {"fields": [], "shared": [], "offsets": {}, "columns": {}, "inputs": [], "parity": {},
                             "metrics": {}, "versions": {}}  # fmt: skip
    manifest = ExportManifest(model="m", checkpoint="c", epoch=0, step=1, reader="ids", num_id=1, rows="float32",
                              outputs=outputs, **empty)  # fmt: skip
    folder.mkdir()
    write_export(folder, manifest)


def test_the_fused_score_beats_each_score_alone_on_held_out_requests(export: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("p.parquet", world(3000))
    outcome = fuse(export, "p.parquet", "--price", "price", "--day", "day", "--trials", 60, "--k", 3)
    assert outcome.code == 0, outcome.err
    found = report()
    assert found["requests"] == {"fitted": 1500, "held_out": 1500}
    assert set(found["forms"]) == {"power", "additive", "logistic"}
    assert found["formula"]["form"] == max(found["forms"], key=lambda form: found["forms"][form]["fitted"])
    for alone in ("pctr", "pcvr", "price"):
        assert found["held_out"]["gmv"]["gains"][alone]["low"] > 0
    assert list(found["by_day"]) == ["0", "1", "2"]
    assert found["front"][0]["clicks"]["value"] < found["front"][-1]["clicks"]["value"]
    assert Path("found/front.png").read_bytes().startswith(b"\x89PNG")
    assert "## By day" in Path("found/report.md").read_text()
    formula = Formula.load(Path("found/formula.json"))
    assert formula.model_dump() == found["formula"]
    assert set(formula.missing) == {"price"}


def test_several_models_are_fused_by_sample_id(export: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = world(1500)
    random = np.random.default_rng(7)
    one, two = (given["pctr"] * np.exp(random.normal(0, 0.6, len(given["pctr"]))) for _ in range(2))
    shared = {name: given[name] for name in ("sample_id", "click", "conversion")}
    order = random.permutation(len(one))
    write("a.parquet", {**shared, "pctr": np.minimum(one, 1)})
    write("b.csv", {name: values[order] for name, values in {**shared, "pctr": np.minimum(two, 1)}.items()})
    write("more.parquet", {name: given[name] for name in ("sample_id", "request_id")})
    options = ["--columns", "more.parquet", "--objective", "clicks", "--trials", 40, "--k", 3]
    outcome = fuse(export, "a=a.parquet", "b=b.csv", *options)
    assert outcome.code == 0, outcome.err
    terms = report()["formula"]["terms"]
    assert list(terms) == ["a.pctr", "b.pctr"]
    if report()["formula"]["form"] != "additive":  # as noisy as each other, they are as good as each other
        assert terms["a.pctr"] / terms["b.pctr"] == pytest.approx(1, abs=0.35)
    for alone in ("a.pctr", "b.pctr"):
        assert report()["held_out"]["clicks"]["gains"][alone]["low"] > 0
    assert not Path("found/front.png").exists()  # no price, no GMV


CONFIG = f"""
model: {ESMM}
runner: {{train_data_dir: data, test_data_dir: data, epochs: 1, train_batch_size: 100, infer_batch_size: 500,
          use_save_data: true, infer_checkpoint: latest}}
data:
  sample_id: row
  keep: [request_id, price]
  labels: {{click: click, conversion: buy}}
  fields: {{user: , item: }}
hyper_parameters: {{optimizer: {{class: Adam, learning_rate: 0.02}}, sparse_feature_dim: 4, ctr_fc_sizes: [8],
  cvr_fc_sizes: [8]}}
"""


def test_two_runs_and_an_exported_model(export: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random, n = np.random.default_rng(0), 2000
    item = random.integers(0, 10, n)
    click = (random.random(n) < 0.1 + 0.06 * item).astype(int)
    Path("data").mkdir()
    write("data/t.parquet", {
        "row": np.arange(n), "request_id": np.arange(n) // 5, "price": np.exp(random.normal(1, 1, n)),
        "user": random.integers(0, 30, n), "item": item, "click": click, "buy": click * (random.random(n) < 0.5),
    })  # fmt: skip
    Path("c.yaml").write_text(CONFIG)
    for name, more in (("one", "runner.seed=1"), ("two", "hyper_parameters.sparse_feature_dim=6")):
        for tool in ("trainer", "infer"):
            done = export(tool, "-m", "c.yaml", "-o", f"runner.model_save_path={name}", more)
            assert done.code == 0, done.err
    outcome = fuse(export, "one", "two", "--price", "price", "--k", 2, "--trials", 20)
    assert outcome.code == 0, outcome.err
    assert list(report()["formula"]["terms"]) == ["one.pctr", "one.pcvr", "two.pctr", "two.pcvr", "price"]

    an_export(Path("exported"), "pctr", "pcvr")
    one = ("one", "--price", "price", "--k", 2, "--trials", 10, "--into", "exported")
    outcome = fuse(export, *one)
    assert outcome.code == 0, outcome.err
    assert "candidates have to come with price" in outcome.err
    assert list(Formula.load(Path("exported/formula.json")).terms) == ["pctr", "pcvr", "price"]
    assert "formula.json" in read_export(Path("exported")).files
    assert (
        "is one model, and the formula is of 2" in export("fuse", "one", "two", "--into", "exported", "--to", "x").err
    )


def test_without_optuna_one_line_says_what_to_install(monkeypatch, tmp_path, capsys):
    from rec.fuse import command

    monkeypatch.setattr(command, "find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["fuse.py", "p.parquet", "--to", str(tmp_path / "found")])
    with pytest.raises(SystemExit, match="2"):
        command.run(None)
    assert "pip install -r requirements-tune.txt (--forms logistic does without)" in capsys.readouterr().err


def test_mistakes_end_in_one_line(export: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = world(20)
    write("p.parquet", given)
    write("q.parquet", given | {"click": 1 - given["click"]})
    write("short.parquet", {name: values[:-3] for name, values in given.items()})
    write("none.parquet", {name: given[name] for name in ("sample_id", "click", "conversion", "request_id")})
    Path("empty").mkdir()
    some = np.arange(160) % 2 == 0
    write("alone.parquet", given | {"request_id": np.where(some, np.nan, given["request_id"])})
    write("alone.csv", given | {"request_id": np.where(some, "", given["request_id"].astype(str))})
    texts = pa.array(np.where(some, "", given["request_id"].astype(str)))
    write("alone_encoded.parquet", given | {"request_id": texts.dictionary_encode()})
    write("minus.parquet", given | {"click": 2 * given["click"] - 1})
    write("more.parquet", {name: given[name] for name in ("sample_id", "pctr")})
    for arguments, said in (
        (["alone.parquet"], "column request_id is empty in 80 rows, which belong to no request"),
        (["alone_encoded.parquet"], "column request_id is empty in 80 rows, which belong to no request"),
        (["alone.csv"], "column request_id is empty in 80 rows, which belong to no request"),
        (["minus.parquet"], "column click should be 0 where it did not happen, found -1"),
        (["p.parquet", "--columns", "more.parquet"], "more.parquet: has a column pctr, which the predictions have"),
        (["p.parquet", "--terms", "click", "pctr"], "click is a label, which nobody knows when rows are ranked"),
        (["p.parquet", "--objective", "clicks=1", "clicks=3"], "clicks has a weight already"),
        (["none.parquet"], "have no pctr and pcvr: --terms names the columns"),
        (["p.parquet", "--k", 8, "--price", "price"], "--k 8: no request has more rows"),
        (["p.parquet", "--objective", "gmv"], "gmv needs --price COLUMN"),
        (["p.parquet", "--objective", "gmw=1"], "expected clicks, orders or gmv"),
        (["p.parquet", "--price", "prise"], "no column prise (did you mean price?)"),
        (["p.parquet", "q.parquet"], "q.parquet: has other values of click than p.parquet"),
        (["p.parquet", "short.parquet"], "short.parquet: lacks 3 of the 160 rows of p.parquet"),
        (["p.parquet", "p.parquet"], "several files are called p"),
        (["empty"], "runner.use_save_data=true"),
        (["absent.parquet"], "absent.parquet: cannot be read"),
        (["p.parquet", "--held-out", 1], "--held-out between 0 and 1"),
    ):
        assert said in refused(fuse(export, *arguments)), arguments


def test_only_an_earlier_search_is_replaced(export: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("p.parquet", world(50))
    one = ("fuse", "p.parquet", "--forms", "logistic", "--price", "price", "--k", 2, "--to")
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("kept")
    Path("file").write_text("kept")
    for place, said in (("mine", "holds thesis.txt, which no search wrote"), ("file", "is a file"), (".", "holds")):
        outcome = export(*one, place)
        assert (outcome.code, said in outcome.err.splitlines()[-1]) == (2, True), outcome.err
    assert Path("mine/thesis.txt").read_text() == Path("file").read_text() == "kept"
    for _ in range(2):
        assert export(*one, "found").code == 0
    Path("link").symlink_to("found")
    before = Path("found/report.json").stat().st_ino
    assert export(*one, "link").code == 0
    assert Path("link").is_symlink()
    assert Path("found/report.json").stat().st_ino != before
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]


def test_requests_are_names_and_days_and_prices_may_be_empty(export: Tool, tmp_path, monkeypatch):
    """007 and 7 are two in a .csv; prices here are below 1, as probabilities are."""
    monkeypatch.chdir(tmp_path)
    given = world(40)
    named = np.array([f"{'00' if number % 2 else ''}{number // 2}" for number in given["request_id"]])
    days = np.where(given["request_id"] < 9, "", given["day"].astype(str))
    prices = np.where(np.arange(len(named)) == 5, np.nan, given["price"] / np.nanmax(given["price"]))
    write("p.csv", given | {"request_id": named, "day": days, "price": pa.array(prices, from_pandas=True)})
    outcome = fuse(export, "p.csv", "--forms", "logistic", "--price", "price", "--k", 2, "--day", "day")
    assert outcome.code == 0, outcome.err
    assert sum(report()["requests"].values()) == 40


def test_a_formula_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from rec.fuse import into

    an_export(tmp_path / "exported", "pctr")
    formula = Formula(form="additive", terms={"pctr": 1.0})
    into.Exported(tmp_path / "exported", 1).take(formula)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(into, "write_export", full)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        into.Exported(tmp_path / "exported", 1).take(Formula(form="additive", terms={"pctr": 2.0}))
    assert Formula.load(tmp_path / "exported" / "formula.json") == formula
    assert "formula.json" in read_export(tmp_path / "exported").files
