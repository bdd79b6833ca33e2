"""Raw values are scored as the tools score the same impressions, by a checkpoint and by what was exported of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from onnx import TensorProto

from rec.errors import UserError
from rec.scoring import Scorer
from rec.serving.app import create_app
from rec.serving.service import Service
from rec.serving.settings import Settings
from shipped import LINES, MODELS, SAMPLE
from support import ROOT, Tool

ONE_EPOCH = ["runner.epochs=1", "runner.infer_checkpoint=latest", "runner.model_save_path=out"]


def succeed(tool: Tool, name: str, config: Path | str, *overrides: str, more: tuple[str, ...] = ()) -> str:
    outcome = tool(name, "-m", config, *more, "-o", *ONE_EPOCH, *overrides)
    assert outcome.code == 0, outcome.err
    return outcome.err


def same(rows: list[dict[str, Any]], predictions: str) -> None:
    """The exported model and the checkpoint say of raw rows what infer.py wrote."""
    expected = pq.read_table(predictions)
    for path in ("exported", "out/0"):
        found = Scorer(path).score(rows)
        assert set(found) == {name for name in expected.column_names if f"p{name[1:]}" == name and name[1:] != "rice"}
        for name, values in found.items():
            own = expected[name].to_numpy()
            assert np.std(own) > 1e-4
            assert values == pytest.approx(own, abs=1e-5, rel=1e-5), (path, name)


def ranked(rows: list[dict[str, Any]], expected: pa.Table) -> dict[str, Any]:
    """What the service answers of the exported model; it predicts what infer.py wrote, in the order of its scores."""
    answer = served().post("/rank", json={"candidates": rows})
    assert answer.status_code == 200, answer.text
    ranking = answer.json()["ranking"]
    order = [each["candidate"] for each in ranking]
    for name in ranking[0]["predictions"]:
        own = expected[name].to_numpy()[order]
        assert [each["predictions"][name] for each in ranking] == pytest.approx(own, abs=1e-5, rel=1e-5), name
    scores = [each["score"] for each in ranking]
    assert (sorted(order), scores) == (list(range(len(rows))), sorted(scores, reverse=True))
    return answer.json()


def served() -> TestClient:
    return TestClient(create_app(Service(Settings(Path("exported")))))


def of_one_user(rows: list[dict[str, Any]]) -> None:
    """What a request's candidates share is read once, and they are scored as if each had it."""
    scorer = Scorer("exported")
    shared = scorer.model.reader.shared_columns
    user = {name: value for name, value in rows[0].items() if name in shared}
    own = [{name: value for name, value in row.items() if name not in shared} for row in rows]
    assert user
    others = [{name: value for name, value in row.items() if name in shared} for row in rows]
    alone = scorer.score(own, user)
    for candidates in (own, [{**row, **other} for row, other in zip(own, others, strict=True)]):
        expected = scorer.score([{**user, **row} for row in candidates])
        for name, values in scorer.score(candidates, user).items():
            assert values == pytest.approx(expected[name], abs=1e-6)
            assert (np.abs(values - alone[name]).max() < 1e-6) == (candidates is own), name


def lines_as_rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for line in path.read_text().splitlines():
        row: dict[str, Any] = {}
        for token in line.split(",")[3:]:
            field, value = token.split(":")
            row.setdefault(field, []).append(int(value))
        rows.append(row)
    return rows


@pytest.mark.parametrize("hashed", [False, True])
def test_lines_of_text(tool: Tool, tmp_path, monkeypatch, hashed):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    lines = (LINES / "test" / "part-0.txt").read_text().splitlines(keepends=True)[:400]
    if hashed:  # ids of 20 digits, of which as many are known as there are rows for
        lines = [re.sub(r":(\d+)", lambda m: f":{18_000_000_000_000_000_000 + int(m[1])}", line) for line in lines]
    (tmp_path / "data" / "part").write_text("".join(lines))
    options = [f"runner.{part}_data_dir={tmp_path / 'data'}" for part in ("train", "test")]
    options += [f"hyper_parameters.hash_ids={str(hashed).lower()}"]
    config = MODELS / "multitask" / "esmm" / "config.yaml"
    succeed(tool, "trainer", config, *options)
    succeed(tool, "infer", config, *options, "runner.predict_save_path=p.parquet")
    succeed(tool, "export", config, *options, more=("--to", "exported"))
    rows = lines_as_rows(tmp_path / "data" / "part")
    same(rows, "p.parquet")
    scorer = Scorer("exported")
    assert scorer.unseen(rows) == {}
    if not hashed:
        with pytest.raises(
            UserError, match=r"rows: row 2: id 5000 of field 101 is outside the embedding table \(ids 0 to"
        ):
            scorer.score([rows[0], {"101": 5000}])
    with pytest.raises(UserError, match="row 1: field 101 should be a whole number of at least 0, found 'x'"):
        scorer.score([{"101": "x"}])
    # A file of JSON lines, and one that is piped in.
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert tool("score", "exported", "--input", "rows.jsonl", "--output", "s.csv").code == 0
    written = pyarrow.csv.read_csv("s.csv")
    assert written["row"].to_pylist() == list(range(len(rows)))
    assert written["pctcvr"].to_numpy() == pytest.approx(pq.read_table("p.parquet")["pctcvr"].to_numpy(), abs=1e-5)


def raw_impressions(rows: int) -> list[dict[str, Any]]:
    """Bundled test impressions with their original ids; one that nobody has stands for those not in the vocabulary."""
    (own,) = (SAMPLE / "test").glob("exposures*.parquet")
    (common,) = (SAMPLE / "test").glob("common*.parquet")
    impressions, users = pq.read_table(own).slice(0, rows), pq.read_table(common)
    vocabulary = pq.read_table(SAMPLE / "vocabulary.parquet")
    original = dict(zip(vocabulary["id"].to_pylist(), vocabulary["original_id"].to_pylist(), strict=True))
    names = [field["name"] for field in json.loads((SAMPLE / "schema.json").read_text())["fields"]]
    key = next(name for name in impressions.column_names if name.startswith("common"))
    at = impressions[key].to_pylist()
    by_key = {k: row for row, k in enumerate(users[key].to_pylist())} if key in users.column_names else None
    found = []
    for place, row in enumerate(impressions.to_pylist()):
        user = users.slice(by_key[at[place]] if by_key else at[place], 1).to_pylist()[0]
        both = {**user, **row}
        found.append(
            {n: [original.get(i, 10**15) for i in both[n]] for n in names if n in both} | {"price": both.get("price")}
        )
    return found


@pytest.mark.parametrize(
    "name",
    [
        "multitask/youtube/config.yaml",
        "multitask/mogujie/config.yaml",
        "multitask/escm2/dr.yaml",
        "rank/din/config.yaml",
    ],
)
def test_prepared_impressions_by_their_original_ids(tool: Tool, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    config = MODELS / name
    succeed(tool, "trainer", config)
    succeed(tool, "infer", config, "runner.predict_save_path=p.parquet")
    succeed(tool, "export", config, more=("--to", "exported"))
    rows = raw_impressions(300)
    table = pq.read_table("p.parquet").slice(0, 300)
    pq.write_table(table, "some.parquet")
    same(rows, "some.parquet")
    of_one_user(rows)
    answer = ranked(rows, table)
    assert answer["formula"] == ("pctr^1 * pcvr^1" if "pcvr" in table.column_names else "pctr^1")
    assert Scorer("exported").unseen([{"101": [10**15, 10**15 + 1]}]) == {"101": [str(10**15), str(10**15 + 1)]}
    manifest = json.loads(Path("exported/export.json").read_text())
    labels = {"click", "conversion", "watch_time", "like", "rating"}
    assert not labels & {each["name"] for each in manifest["inputs"]}
    assert {each["name"] for each in manifest["outputs"]} == {
        n for n in table.column_names if n.startswith("p") and n != "price"
    }


CONFIG = f"""
model: {ROOT / "models" / "multitask" / "esmm_din"}
runner: {{train_data_dir: log.csv, test_data_dir: test.csv, train_batch_size: 50, infer_batch_size: 64}}
data:
  labels: {{click: click, conversion: order}}
  common: {{by: user, fields: [user, past]}}
  fields:
    user: {{dim: 6}}
    past: {{separator: "|", shares: item}}
    item: {{min_count: 2}}
    tags: {{separator: "|", pairs: ":", pooling: weighted}}
    most: {{column: past, separator: "|", pooling: max, sequence: 2, dim: 2}}
    both: {{cross: [city, item], hash_size: 50}}
    city:
    rate: {{column: item, statistic: {{of: click, prior: 3}}}}
    price: {{numeric: log1p, missing: indicator}}
    cut: {{column: price, buckets: 4}}
hyper_parameters: {{optimizer: {{class: Adam, learning_rate: 0.01}}, sparse_feature_dim: 4, tower_fc_sizes: [8],
  behaviours: {{click: , conversion: {{after: click}}}},
  interaction: {{kind: din, attend: {{past: item}}, length: 4}}, number_embedding: linear}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A shop's config and log; the test rows as a program would have them."""
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(CONFIG)
    random = np.random.default_rng(0)

    def row(number: int) -> dict[str, Any]:
        user = number // 4 % 40
        past = [f"i{(user * 7 + k) % 9}" for k in range(user % 5)]
        tags = [f"t{k}:{random.random():.2f}" for k in random.integers(0, 5, random.integers(0, 3))]
        price = round(float(random.exponential(10)), 2) if random.random() < 0.8 else None
        return {
            "user": 10**15 + user, "past": past, "item": f"i{random.integers(0, 12)}", "tags": tags,
            "city": ["Köln", "上海", "7.0"][number % 3], "price": price,
        }  # fmt: skip

    parts = {"log.csv": [row(n) for n in range(400)], "test.csv": [row(n) for n in range(400, 520)]}
    for name, rows in parts.items():
        columns = {key: [_text(each[key]) for each in rows] for key in rows[0]}
        columns["click"] = [str(int(n)) for n in random.integers(0, 2, len(rows))]
        columns["order"] = [
            c if n else "0" for c, n in zip(columns["click"], random.integers(0, 2, len(rows)), strict=True)
        ]
        pyarrow.csv.write_csv(pa.table(columns), name)
    return parts["test.csv"]


def _text(value: Any) -> str:
    return "" if value is None else "|".join(value) if isinstance(value, list) else str(value)


def test_a_table_of_all_kinds_of_fields(tool: Tool, shop):
    succeed(tool, "trainer", "config.yaml")
    succeed(tool, "infer", "config.yaml", "runner.predict_save_path=p.parquet")
    succeed(tool, "export", "config.yaml", more=("--to", "exported"))
    same(shop, "p.parquet")
    of_one_user(shop)
    ranked(shop, pq.read_table("p.parquet"))
    answer = served().post("/rank", json={"candidates": [{"item": "i1"}, {"price": [[1]]}]})
    error = "rows: row 2: column price: expected numbers, found [[1]]"
    assert (answer.status_code, answer.json()["error"]) == (422, error)
    answer = served().post(
        "/rank", content='{"candidates": [{"city": "\\ud800"}]}', headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"][:37]) == (422, "rows: row 1: column city cannot hold ")
    shutil.move("log.csv", "elsewhere.csv")  # neither data nor config are needed any more
    scorer = Scorer("exported")
    found = scorer.unseen([{"user": 1, "item": "new", "tags": ["t0:1", "t9:2"], "city": 7}])
    assert found == {"user": ["1"], "item": ["new"], "tags": ["t9"]}
    # A file is read as the table's reader reads it; empty columns and absent ones are alike.
    outcome = tool("score", "exported", "--input", "test.csv", "--output", "s.parquet", "--keep", "user", "order")
    assert outcome.code == 0, outcome.err
    written = pq.read_table("s.parquet")
    assert written.column_names[:3] == ["row", "user", "order"]
    assert written["pcvr"].to_numpy() == pytest.approx(pq.read_table("p.parquet")["pcvr"].to_numpy(), abs=1e-5)
    whole, sparse = (Scorer("exported").score([row])["pctr"][0] for row in (dict.fromkeys(scorer.columns), {}))
    assert whole == sparse
    assert 0 < sparse < 1
    outcome = tool("score", "exported", "--input", "test.csv", "--output", "s.txt")
    assert (outcome.code, "--output s.txt should end in .jsonl, .csv or .parquet" in outcome.err) == (2, True)


def test_values_of_several_types_in_one_column(tool: Tool, shop):
    succeed(tool, "trainer", "config.yaml")
    scorer = Scorer("out")
    spelled = [{"city": city} for city in ("7", 7, 7.0, "7.0", np.int64(7), "Köln")]
    found = scorer.score(spelled)["pctr"]
    assert len(set(found[:5].tolist())) == 1
    assert found[5] != found[0]
    with pytest.raises(UserError, match=r"rows: row 2: column city cannot hold \{'a': 1\}"):
        scorer.score([{"city": "x"}, {"city": {"a": 1}}])
    # A word that stands for nothing in a table's files does so here.
    empty = scorer.score([{}, {"city": "NULL", "price": "NA"}, {"city": "", "price": float("nan")}])["pctr"]
    assert len(set(empty.tolist())) == 1
    assert {name: len(values) for name, values in scorer.score([]).items()} == {"pctr": 0, "pcvr": 0, "pctcvr": 0}
    with pytest.raises(UserError, match="rows: row 1: column price: expected numbers, found 'dear'"):
        scorer.score([{"price": "dear"}])


def test_rows_stored_in_less(tool: Tool, shop):
    succeed(tool, "trainer", "config.yaml")
    kinds, found = {}, {}
    for rows in ("float32", "float16", "int8"):
        log = succeed(tool, "export", "config.yaml", more=("--to", rows, "--rows", rows))
        assert ("AUC of ctr" in log) == (rows != "float32")
        found[rows] = Scorer(rows).score(shop)["pctr"]
        stored = {each.name: each.data_type for each in onnx.load(f"{rows}/model.onnx").graph.initializer}
        kinds[rows] = stored["table_0"]
    assert kinds == {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "int8": TensorProto.INT8}
    assert 0 < np.abs(found["float16"] - found["float32"]).max() < 1e-3
    assert 0 < np.abs(found["int8"] - found["float32"]).max() < 2e-2


def test_what_is_damaged_or_no_model(tool: Tool, shop):
    succeed(tool, "trainer", "config.yaml")
    succeed(tool, "export", "config.yaml", more=("--to", "exported"))
    succeed(tool, "export", "config.yaml", more=("--to", "exported"))  # once more over it
    for name in ("model.onnx", "vocabulary.json", "program.pdiparams", "config.yaml"):
        path = Path("exported") / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(UserError, match=f"{name}: is not as it was written"):
            Scorer("exported")
        path.write_bytes(whole)
    Scorer("exported")
    Path("other").mkdir()
    outcome = tool("export", "-m", "config.yaml", "--to", "other", "-o", *ONE_EPOCH)
    assert (outcome.code, "other: is there, and is no exported model" in outcome.err) == (2, True)
    assert not list(Path("other").iterdir())
    for path, message in (("other", "other: holds no checkpoint"), ("nowhere", "nowhere: no such folder")):
        with pytest.raises(UserError, match=message):
            Scorer(path)


def test_an_exported_model_needs_no_paddle(tool: Tool, shop):
    succeed(tool, "trainer", "config.yaml")
    succeed(tool, "export", "config.yaml", more=("--to", "exported"))
    program = "import sys; sys.modules['paddle'] = None\n"
    program += "from rec.scoring import Scorer; print(Scorer('exported').score([{}]))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "pctcvr" in done.stdout


def test_paddlerecs_directories_are_sent_elsewhere(tool: Tool):
    outcome = tool("export", "-m", ROOT / "tests" / "contract" / "directories" / "rows_fm" / "config.yaml")
    assert outcome.code == 2
    assert "tools/to_static.py exports PaddleRec's" in outcome.err
