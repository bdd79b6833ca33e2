"""Fields of other widths, given and fixed vectors, the largest, weights and rates: trained, resumed and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from rec.data.vocabulary import Vocabulary
from rec.table.table import initial_weights
from support import ROOT, Tool

ROWS = 400
VECTORS = np.random.default_rng(1).normal(size=(6, 4)).astype(np.float32)

CONFIG = f"""
model: {ROOT / "models" / "rank" / "din"}
runner: {{train_data_dir: data, test_data_dir: data, epochs: 2, train_batch_size: 50, infer_batch_size: 64,
          infer_checkpoint: latest, model_save_path: out, save_steps: 3}}
data:
  sample_id: row
  labels: {{click: click}}
  fields:
    item: {{pretrained: vectors.parquet, trainable: false}}
    user: {{dim: 6}}
    wide: {{column: item, pretrained: wide.npy, trainable: true}}
    past: {{separator: "|", shares: item}}
    tags: {{separator: "|", pooling: max, sequence: 3}}
    loved: {{column: likes, separator: "|", pairs: ":", pooling: weighted, dim: 2}}
    most: {{column: tags, separator: "|", pooling: max, sequence: 2, dim: 2}}
    rate: {{column: item, statistic: {{of: click, prior: 3}}, embed: none}}
    price: {{numeric: standardize, embed: {{kind: autodis, buckets: 3}}}}
    dear: {{column: price, numeric: log1p, missing: mean}}
hyper_parameters: {{optimizer: {{class: Adam, learning_rate: 0.01}}, sparse_feature_dim: 4, tower_fc_sizes: [8],
  behaviours: {{click: }}, interaction: {{kind: din, attend: {{past: item}}, length: 4}}, number_embedding: linear}}
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)

    def lists(most: int, kinds: int, weighs: bool = False) -> list[str]:
        found = [random.integers(0, kinds, length).tolist() for length in random.integers(0, most, ROWS)]
        return ["|".join(f"{v}:{random.random():.2f}" if weighs else str(v) for v in row) for row in found]

    price = random.exponential(10, ROWS)
    Path("data").mkdir()
    table = {
        "row": np.arange(ROWS), "user": random.integers(0, 20, ROWS), "item": random.integers(0, 9, ROWS),
        "past": lists(6, 9), "tags": lists(5, 7), "likes": lists(4, 5, weighs=True),
        "price": [p if p < 20 else None for p in price], "click": random.integers(0, 2, ROWS),
    }  # fmt: skip
    pq.write_table(pa.table(table), "data/t.parquet")
    values = [0, 1, 2, 3, 100, 101]
    pq.write_table(pa.table({"value": values, "vector": VECTORS.tolist()}), "vectors.parquet")
    np.save("wide.npy", random.normal(size=(9, 5)))
    Path("config.yaml").write_text(CONFIG)
    return tmp_path


def succeed(tool: Tool, name: str, *overrides: str) -> str:
    outcome = tool(name, "-m", "config.yaml", *(["-o", *overrides] if overrides else []))
    assert outcome.code == 0, outcome.err
    return outcome.err


def weights(folder: str) -> dict[str, np.ndarray]:
    return load_file(Path(folder) / "1" / "rec.safetensors")


def test_both_modes_train_the_same_and_the_exported_model_scores_as_they_do(shop: Path, tool: Tool, export: Tool):
    for prefix, folder in (("static_", "s"), ("", "d")):
        succeed(tool, f"{prefix}trainer", f"runner.model_save_path={folder}")
        to = f"runner.model_save_path={folder}", f"runner.predict_save_path={folder}.parquet"
        succeed(tool, f"{prefix}infer", *to)
    expected = pq.read_table("d.parquet")["pctr"].to_numpy()
    assert np.std(expected) > 0.01
    assert pq.read_table("s.parquet")["pctr"].to_numpy() == pytest.approx(expected, rel=1e-4)
    succeed(export, "to_static", "runner.model_save_path=d")
    succeed(export, "paddle_infer", "runner.model_save_path=d", "runner.predict_save_path=e.parquet")
    assert pq.read_table("e.parquet")["pctr"].to_numpy() == pytest.approx(expected, rel=1e-4)
    # The files of vectors are for training alone.
    Path("vectors.parquet").unlink()
    outcome = tool("infer", "-m", "config.yaml", "-o", "runner.model_save_path=d")
    assert outcome.code == 2
    assert "vectors.parquet: no such file" in outcome.err
    succeed(tool, "infer", "runner.model_save_path=d", "data.fields.item.dim=4", "runner.predict_save_path=f.parquet")
    assert pq.read_table("f.parquet")["pctr"].to_numpy().tolist() == expected.tolist()


def test_given_vectors_and_rows_that_stay(shop: Path, tool: Tool):
    succeed(tool, "trainer")
    found = weights("out")
    vocabulary = Vocabulary.load(Path("out/1/vocabulary.json"))
    ids = vocabulary.ids_of("item", ["0", "1", "2", "3", "100", "101"])
    main = found["embedding.weight"]
    assert (main[ids] == VECTORS).all()
    first, end = vocabulary.offset("item"), vocabulary.offset("item") + vocabulary.size("item")
    fixed = slice(first, end)
    assert (main[fixed] == initial_weights(len(main), 4, 12345)[fixed]).sum() == (end - first - 6) * 4
    rest = np.delete(main, np.arange(first, end), axis=0)
    assert (rest != np.delete(initial_weights(len(main), 4, 12345), np.arange(first, end), axis=0)).mean() > 0.9
    assert {name: found[name].shape[1] for name in found if name.startswith("embedding")} == {
        "embedding.weight": 4, "embedding_2.weight": 2, "embedding_5.weight": 5, "embedding_6.weight": 6,
    }  # fmt: skip
    begun = np.load("wide.npy").astype(np.float32)
    wide = found["embedding_5.weight"][
        vocabulary.ids_of("wide", [str(v) for v in range(9)]) - vocabulary.offset("wide")
    ]
    assert (wide != begun).mean() > 0.9
    assert np.abs(wide - begun).max() < 1


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_resumed_it_is_the_same(shop: Path, tool: Tool, prefix: str):
    """From the last step of epoch 0 that was saved, and from epoch 0's end."""
    succeed(tool, f"{prefix}trainer", "runner.model_save_path=whole")
    succeed(tool, f"{prefix}trainer", "runner.model_save_path=parts", "runner.epochs=1")
    succeed(tool, f"{prefix}trainer", "runner.model_save_path=parts", "runner.resume=true")
    (name,) = {path.name for path in Path("whole/1").glob("rec*.safetensors") if ".opt." not in path.name}
    for ending in ("safetensors", "opt.safetensors"):
        own, other = (
            load_file(Path(folder) / "1" / name.replace("safetensors", ending)) for folder in ("whole", "parts")
        )
        for key, value in own.items():
            assert (value == other[key]).all(), key


def test_a_network_without_such_fields_says_so(shop: Path, tool: Tool):
    outcome = tool("trainer", "-m", "config.yaml", "-o", "hyper_parameters.interaction.attend={past: user}")
    assert outcome.code == 2
    assert "interaction.attend: user has vectors of width 6, and attention is over those of sparse_feature_dim, 4" in (
        outcome.err
    )
