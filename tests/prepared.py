"""Prepared data as datasets/ali-ccp/prepare.py writes it, small and at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

COMMON, OWN = ("u", "h"), ("i", "t")
NUM_ID = 200
LABELS = ("click", "conversion")


def write_prepared(root: Path, num_impression=500, group=60, seed=0) -> list[dict]:
    """A prepared split `root/train` of two files; gives its impressions as dicts of ids and values by field."""
    random = np.random.default_rng(seed)
    fields = [
        {"name": name, "common": name in COMMON, "offset": 50 * k, "size": 50, "weighted": name == "h"}
        for k, name in enumerate((*COMMON, *OWN))
    ]
    schema = {"format": "ali-ccp-columnar", "version": 1, "fields": fields, "id_space": NUM_ID, "labels": list(LABELS)}
    (root / "train").mkdir(parents=True)
    (root / "schema.json").write_text(json.dumps(schema))

    def tokens(name: str, most: int) -> list[int]:
        low = 50 * (*COMMON, *OWN).index(name)
        return random.integers(low, low + 50, size=random.integers(0, most + 1)).tolist()

    impressions: list[dict] = []
    for file in range(2):
        writers, first_common = {}, 0
        for _ in range(num_impression // 2 // group + 1):
            commons, rows = [], []
            while len(rows) < group and len(impressions) + len(rows) < num_impression // 2 * (file + 1):
                user = {"u": tokens("u", 1), "h": tokens("h", 6)}
                user["h_value"] = random.random(len(user["h"])).astype(np.float32).tolist()
                commons.append(user)
                for _ in range(random.integers(1, 9)):
                    click = int(random.random() < 0.5)
                    rows.append({
                        "sample_id": len(impressions) + len(rows), "click": click, "conversion": click,
                        "common_row": first_common + len(commons) - 1, "i": tokens("i", 1), "t": tokens("t", 4),
                        "p_click": 0.5, "p_conversion": 0.25, **user,
                    })  # fmt: skip
            if not rows:
                break
            impressions += rows
            lists, byte = pa.list_(pa.int32()), pa.uint8()
            own = pa.schema([
                ("sample_id", pa.int64()), ("click", byte), ("conversion", byte), ("common_row", pa.int32()),
                ("i", lists), ("t", lists), ("p_click", pa.float32()), ("p_conversion", pa.float32()),
            ])  # fmt: skip
            shared = pa.schema([("u", lists), ("h", lists), ("h_value", pa.list_(pa.float32()))])
            for name, content, columns in (("exposures", rows, own), ("common", commons, shared)):
                kept = [{key: row[key] for key in columns.names} for row in content]
                path = root / "train" / f"{name}-{file:05d}.parquet"
                if name not in writers:
                    writers[name] = pq.ParquetWriter(path, columns)
                writers[name].write_table(pa.Table.from_pylist(kept, schema=columns), row_group_size=1 << 20)
            first_common += len(commons)
        for writer in writers.values():
            writer.close()
    return impressions


def rewrite(root: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change each row group of the impression files of `root/train`."""
    for path in sorted((root / "train").glob("exposures-*.parquet")):
        file = pq.ParquetFile(path)
        groups = [change(file.read_row_group(index)) for index in range(file.num_row_groups)]
        with pq.ParquetWriter(path, groups[0].schema) as writer:
            for group in groups:
                writer.write_table(group)
