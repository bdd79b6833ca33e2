"""Prepared data as datasets/ali-ccp/prepare.py writes it, small and at random."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

COMMON, OWN = {"u": 1, "h": 6}, {"i": 1, "t": 4}
"""Fields of common rows and of impressions, with the most tokens of each; h has values."""
NUM_ID = 200
LABELS = ("click", "conversion")


def write_prepared(root: Path, num_impression=500, group=60, seed=0, common=COMMON, own=OWN) -> list[dict]:
    """A prepared split `root/train` of two files; gives its impressions as dicts of ids and values by field.

    Field k of `common` and `own` together has the ids from 50 k on.
    """
    random = np.random.default_rng(seed)
    names = [*common, *own]
    fields = [
        {"name": name, "common": name in common, "offset": 50 * k, "size": 50, "weighted": name == "h"}
        for k, name in enumerate(names)
    ]
    size = 50 * len(names)
    schema = {"format": "ali-ccp-columnar", "version": 1, "fields": fields, "id_space": size, "labels": list(LABELS)}
    (root / "train").mkdir(parents=True)
    (root / "schema.json").write_text(json.dumps(schema))

    def tokens(of: dict[str, int]) -> dict[str, list[int]]:
        lows = {name: 50 * names.index(name) for name in of}
        return {
            n: random.integers(low, low + 50, size=random.integers(0, of[n] + 1)).tolist() for n, low in lows.items()
        }

    impressions: list[dict] = []
    for file in range(2):
        writers, first_common = {}, 0
        for _ in range(num_impression // 2 // group + 1):
            commons, rows = [], []
            while len(rows) < group and len(impressions) + len(rows) < num_impression // 2 * (file + 1):
                user: dict[str, list] = tokens(common)
                if "h" in user:
                    user["h_value"] = random.random(len(user["h"])).astype(np.float32).tolist()
                commons.append(user)
                for _ in range(random.integers(1, 9)):
                    click = int(random.random() < 0.5)
                    rows.append({
                        "sample_id": len(impressions) + len(rows), "click": click, "conversion": click,
                        "common_row": first_common + len(commons) - 1, "p_click": 0.5, "p_conversion": 0.25,
                        **tokens(own), **user,
                    })  # fmt: skip
            if not rows:
                break
            impressions += rows
            lists, byte = pa.list_(pa.int32()), pa.uint8()
            of_impressions = pa.schema([
                ("sample_id", pa.int64()), ("click", byte), ("conversion", byte), ("common_row", pa.int32()),
                *((name, lists) for name in own), ("p_click", pa.float32()), ("p_conversion", pa.float32()),
            ])  # fmt: skip
            values = [("h_value", pa.list_(pa.float32()))] if "h" in common else []
            shared = pa.schema([*((name, lists) for name in common), *values])
            for name, content, columns in (("exposures", rows, of_impressions), ("common", commons, shared)):
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
