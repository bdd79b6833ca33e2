"""tools/embeddings.py: each value's vector under its original value, and those of impressions."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file
from sklearn.decomposition import PCA

from rec.data.vocabulary import Vocabulary
from rec.vectors.nearest import cosines
from rec.vectors.picture import principal
from shipped import SAMPLE
from support import ESMM, ROOT, Tool

ROWS = 300
ITEMS, TAGS = ["a", "b", "c", "d", "7"], ["x", "y", "z"]

CONFIG = f"""
model: {ESMM}
runner: {{train_data_dir: data, test_data_dir: data, epochs: 1, train_batch_size: 50, infer_batch_size: 64,
          model_save_path: out}}
data:
  sample_id: row
  labels: {{click: click, conversion: buy}}
  fields: {{user: , item: , tags: {{separator: "|"}}, price: {{buckets: 3}}}}
hyper_parameters: {{optimizer: {{class: Adam, learning_rate: 0.01}}, sparse_feature_dim: 7, ctr_fc_sizes: [8],
  cvr_fc_sizes: [8]}}
"""


def rows_of_shop() -> dict[str, list]:
    random = np.random.default_rng(0)
    click = random.integers(0, 2, ROWS)
    return {
        "row": list(range(1000, 1000 + ROWS)),
        "user": random.integers(0, 20, ROWS).tolist(),
        "item": random.choice(ITEMS, ROWS).tolist(),
        "tags": ["|".join(random.choice(TAGS, random.integers(0, 3), replace=False)) for _ in range(ROWS)],
        "price": random.integers(1, 100, ROWS).astype(float).tolist(),
        "click": click.tolist(),
        "buy": (click * random.integers(0, 2, ROWS)).tolist(),
    }


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list]:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    rows = rows_of_shop()
    pq.write_table(pa.table(rows), "data/t.parquet")
    Path("config.yaml").write_text(CONFIG)
    return rows


def run(tool: Tool, name: str, *arguments: object) -> tuple[str, str]:
    outcome = tool(name, *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.out, outcome.err


def refused(tool: Tool, *arguments: object) -> str:
    outcome = tool("embeddings", *arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.err.count("\n") == 1
    return outcome.err


@pytest.mark.parametrize("trainer", ["trainer", "static_trainer"])
def test_a_matrix_per_impression_of_the_vectors_under_original_values(shop, export: Tool, trainer):
    run(export, trainer, "-m", "config.yaml")
    run(export, "embeddings", "out", "--out", "all.parquet")
    run(export, "embeddings", "out/0", "--impressions", 70, "--out", "i.npz")
    vectors = {(row["field"], row["value"]): row for row in pq.read_table("all.parquet").to_pylist()}
    table = next(load_file(path)["embedding.weight"] for path in Path("out/0").glob("rec*.safetensors"))
    assert len(vectors) == len(table) == 4 + 20 + 5 + 3 + 3
    assert vectors["item", None]["kind"] == "unknown"
    for row in vectors.values():
        assert row["vector"] == table[row["id"]].tolist()
    counts = Counter(shop["item"])
    assert {value: vectors["item", value]["count"] for value in ITEMS} == counts

    found = np.load("i.npz")
    assert found["vector"].shape == (70, 4, 7)
    assert found["fields"].tolist() == ["user", "item", "tags", "price"]
    assert [int(each) for each in found["sample_ids"]] == shop["row"][:70]
    edges = Vocabulary.load(Path("out/0/vocabulary.json")).edges["price"]
    assert len(edges) == 2
    bounds = [-np.inf, *edges, np.inf]
    for at, matrix in enumerate(found["vector"]):
        assert matrix[0].tolist() == vectors["user", str(shop["user"][at])]["vector"]
        assert matrix[1].tolist() == vectors["item", shop["item"][at]]["vector"]
        tags = [vectors["tags", tag]["vector"] for tag in shop["tags"][at].split("|") if tag]
        assert matrix[2] == pytest.approx(np.sum([np.zeros(7), *tags], axis=0), abs=1e-6)
        bucket = int(np.searchsorted(bounds, shop["price"][at], side="right"))
        assert matrix[3].tolist() == vectors["price", f"[{bounds[bucket - 1]:g}, {bounds[bucket]:g})"]["vector"]


def test_neighbours_and_a_picture(shop, export: Tool):
    run(export, "trainer", "-m", "config.yaml")
    out, _ = run(export, "embeddings", "out", "--field", "item", "--neighbours", 2, "--of", "7.0", "a",
                 "--picture", "item.png", "--out", "item.parquet")  # fmt: skip
    own = {row["value"]: np.array(row["vector"]) for row in pq.read_table("item.parquet").to_pylist() if row["value"]}
    assert list(own) == Vocabulary.load(Path("out/0/vocabulary.json")).values["item"]
    lines = [line.split("\t") for line in out.splitlines()[1:]]
    for asked, spelled in (("7", "7.0"), ("a", "a")):
        near = {
            other: own[asked] @ own[other] / np.linalg.norm(own[asked]) / np.linalg.norm(own[other])
            for other in own if other != asked
        }  # fmt: skip
        expected = sorted(near, key=near.__getitem__, reverse=True)[:2]
        found = [line for line in lines if line[0] == spelled]
        assert [line[3] for line in found] == expected
        assert [float(line[4]) for line in found] == pytest.approx([near[other] for other in expected], abs=1e-4)
    assert Path("item.png").read_bytes().startswith(b"\x89PNG")
    price, _ = run(export, "embeddings", "out", "--field", "price", "--neighbours", 5, "--of", "99")
    assert price.count("\n") == 3  # the two other buckets, below a header
    assert "training has not seen this value of field item" in refused(
        export, "out", "--field", "item", "--neighbours", 2, "--of", "nothing"
    )
    assert "no such field (did you mean item?)" in refused(export, "out", "--field", "itme", "--out", "x.parquet")
    assert "--neighbours and --picture are of one --field" in refused(export, "out", "--picture", "x.png")
    assert "nothing to do" in refused(export, "out")


def test_several_spaces_widths_and_what_an_interaction_adds(shop, export: Tool):
    own = ["runner.model_save_path=ns", "hyper_parameters.share_embedding=false", "data.fields.user.dim=3"]
    run(export, "trainer", "-m", "config.yaml", "-o", *own)
    run(export, "embeddings", "ns", "--out", "ns.parquet")
    run(export, "embeddings", "ns", "--impressions", 9, "--out", "ns.npz")
    rows = pq.read_table("ns.parquet").to_pylist()
    weights = load_file("ns/0/rec.safetensors")
    first = len(weights["embedding.weight"])
    for row in rows:
        if row["field"] == "user":
            assert row["vector"] == weights["embedding_3.weight"][row["id"] - first].tolist()
            assert row["vector_ctr"] is row["vector_cvr"] is None
        else:
            assert row["vector_ctr"] + row["vector_cvr"] == weights["embedding.weight"][row["id"]].tolist()
            assert row["vector"] is None
    found = np.load("ns.npz")
    assert found["vector_ctr"].shape == found["vector_cvr"].shape == (9, 3, 7)
    users = {row["value"]: row["vector"] for row in rows if row["field"] == "user"}
    assert found["field_user"].tolist() == [users[str(user)] for user in shop["user"][:9]]

    Path("fm.yaml").write_text(CONFIG.replace(str(ESMM), str(ROOT / "models" / "rank" / "deepfm")).replace(
        "ctr_fc_sizes: [8],\n  cvr_fc_sizes: [8]", "tower_fc_sizes: [8], behaviours: {click: },\n"
        "  interaction: {kind: fm, logit: true}"))  # fmt: skip
    run(export, "trainer", "-m", "fm.yaml", "-o", "runner.model_save_path=fm")
    run(export, "embeddings", "fm", "--field", "tags", "--out", "fm.parquet")
    table = load_file("fm/0/rec.safetensors")["embedding.weight"]
    for row in pq.read_table("fm.parquet").to_pylist():
        assert row["vector"] + row["first_order"] == table[row["id"]].tolist()
        assert len(row["vector"]) == 7


def test_hashed_values_are_buckets(shop, export: Tool):
    run(export, "trainer", "-m", "config.yaml", "-o", "data.hash_size=4")
    _, log = run(export, "embeddings", "out", "--field", "item", "--out", "item.parquet")
    assert "field item: its ids are hashes of its values, 4 rows that several values share" in log
    rows = pq.read_table("item.parquet")
    assert rows["kind"].to_pylist() == ["unknown", *["bucket"] * 4]
    assert rows["value"].null_count == 5
    run(export, "embeddings", "out", "--field", "item", "--neighbours", 2, "--of", "a")


def test_lines_of_text_have_ids_which_are_counted(tiny, export: Tool):
    run(export, "trainer", *tiny)
    run(export, "embeddings", "out", "--field", "tags", "--out", "tags.parquet")
    told: Counter[str] = Counter()
    for line in Path("train/part-0.txt").read_text().splitlines():
        told.update(token.split(":")[1] for token in line.split(",") if token.startswith("tags:"))
    rows = pq.read_table("tags.parquet").to_pylist()
    assert {row["value"]: row["count"] for row in rows} == told
    table = load_file("out/1/rec.safetensors")["embedding.weight"]
    assert all(row["vector"] == table[int(row["value"])].tolist() for row in rows)
    shutil.rmtree("train")
    assert "train" in refused(export, "out", "--field", "tags", "--out", "x.parquet")


def test_prepared_data_give_back_their_original_ids(tmp_path, monkeypatch, export: Tool):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SAMPLE, "prepared")
    own = [f"runner.{part}_data_dir={tmp_path / 'prepared' / part}" for part in ("train", "test")]
    config = ROOT / "models" / "multitask" / "mmoe" / "config.yaml"
    run(export, "trainer", "-m", config, "-o", *own, "runner.epochs=1", "runner.model_save_path=out")
    run(export, "embeddings", "out", "--out", "all.parquet")
    told = pq.read_table("prepared/vocabulary.parquet").to_pylist()
    table = load_file("out/0/rec.safetensors")["embedding.weight"]
    rows = {(row["field"], row["value"]): row for row in pq.read_table("all.parquet").to_pylist()}
    for each in told:
        if (each["field"], None) in rows:
            row = rows.pop((each["field"], str(each["original_id"])))
            assert (row["id"], row["count"], row["vector"]) == (each["id"], each["count"], table[each["id"]].tolist())
    assert {row["kind"] for row in rows.values()} == {"unknown"}
    run(export, "embeddings", "out", "--impressions", 10, "--out", "i.npz")
    assert np.load("i.npz")["vector"].shape[0] == 10
    (tmp_path / "prepared" / "vocabulary.parquet").unlink()
    assert "vocabulary.parquet" in refused(export, "out", "--out", "x.parquet")


def test_of_paddlerec_directories_another_setting_is_named(tmp_path, export: Tool):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "rec.pdparams").write_bytes(b"")
    assert "runner.use_out_vec" in refused(export, tmp_path, "--out", tmp_path / "x.parquet")


def test_cosines_and_components():
    random = np.random.default_rng(0)
    values = random.normal(size=(50, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    assert cosines(np.array([[3.0, 4.0], [0, 0], [-4, 3]]), np.array([0.0, 2.0])).tolist() == pytest.approx(
        [0.8, 0, 0.6]
    )
    points, shares = principal(values)
    own = PCA(2).fit(values)
    assert shares == pytest.approx(own.explained_variance_ratio_)
    assert np.abs(points) == pytest.approx(np.abs(own.transform(values)))
    assert principal(np.ones((4, 1)))[1].tolist() == [0, 0]


def test_the_parts_of_a_row_of_several_spaces():
    from rec.nn.multitask import MultiTask

    behaviours = {"click": {}, "conversion": {"after": "click"}}
    fm = {"kind": "fm", "logit": True}
    for interaction, own in (("none", {"vector": 5}), (fm, {"vector": 5, "first_order": 1})):
        net = MultiTask(3, 5, behaviours, [4], sharing={"kind": "separate"}, interaction=interaction)
        assert net.row_parts == {f"{part}_{name}": width for name in net.graph.towers for part, width in own.items()}
        assert sum(net.row_parts.values()) == net.embedding_dim
