"""Small tables of one's own, and their readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rec.config.config import Config
from rec.data.plan import ReadPlan
from rec.data.tabular import TabularReader
from rec.data.vocabulary import VOCABULARY, Vocabulary

CSV = """row,color,tags,price,clicked,bought
r1,red,a|b,1.5,1,0
r2,blue,,3.5,0,0
r3,red,b|b|c,,1,1
r4,,c,9.0,0,1
r5,blue,a,2.5,1,0
"""
DATA: dict[str, Any] = {
    "labels": {"click": "clicked", "conversion": "bought"},
    "sample_id": "row",
    "fields": {"color": None, "tags": {"separator": "|"}, "price": {"buckets": 2}},
}


def reader(
    folder: Path, part: str = "train", data: Any = DATA, label_policy: str = "drop", **hyper: Any
) -> TabularReader:
    """The reader of a part of `folder/data`; training leaves its vocabulary there, testing takes it."""
    runner = {"label_policy": label_policy, "train_data_dir": "data"}
    config = Config(folder / "c.yaml", {"runner": runner, "hyper_parameters": {"fields": ["f"], **hyper}, "data": data})
    kept = folder / VOCABULARY
    vocabulary = None if part == "train" else Vocabulary.load(kept)
    source = TabularReader(TabularReader.files(config, config.places("data")), config, part, vocabulary)
    if part == "train":  # as training does, in each checkpoint
        kept.write_text(source.vocabulary.to_json())
    return source


def write(folder: Path, name: str = "t.csv", text: str | pa.Table = CSV) -> None:
    """A file of `folder/data`, text or Parquet."""
    (folder / "data").mkdir(exist_ok=True)
    if isinstance(text, str):
        (folder / "data" / name).write_text(text)
    else:
        pq.write_table(text, folder / "data" / name)


def rows_of(source: TabularReader, training: bool = False) -> dict[str, list[list[int]]]:
    """By sample id the ids of each field."""
    (batch,) = source.batches(ReadPlan(batch_size=100, training=training))
    (bags,) = batch.bags
    ids, f, o = batch.rows[bags.positions], bags.num_field, bags.offsets
    return {
        str(name): [ids[o[r * f + k] : o[r * f + k + 1]].tolist() for k in range(f)]
        for r, name in enumerate(batch.sample_ids)
    }
