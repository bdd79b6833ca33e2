"""Each trainer writes its rows of a divided table, all at the same time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from rec.checkpoint import arrays
from rec.checkpoint.manifest import sha256
from rec.checkpoint.shards import shard_name
from rec.distributed.host import own_host
from rec.distributed.ranks import Ranks
from rec.numeric import Array


def write_shards(ranks: Ranks, rows: dict[str, Array], folder: Path, prefix: str) -> dict[str, str]:
    """Write this trainer's rows into a folder, and wait for the others.

    Returns:
        SHA-256 of every trainer's file by name.

    Raises:
        OSError: somebody's could not be written, or has a number that is not finite.
    """
    said = json.dumps(_written(ranks, rows, folder, prefix)).encode()
    facts = [json.loads(bytes(each)) for each in ranks.gather(np.frombuffer(said, np.uint8))]
    wrong = [fact["error"] for fact in facts if "error" in fact]
    if wrong:
        raise OSError("; ".join(wrong))
    return {fact["name"]: fact["sha256"] for fact in facts}


def _written(ranks: Ranks, rows: dict[str, Array], folder: Path, prefix: str) -> dict[str, str]:
    name = shard_name(prefix, ranks.rank, ranks.count)
    try:
        broken = [each for each, value in rows.items() if not np.isfinite(np.sum(value, dtype=np.float64))]
        if broken:
            raise OSError(f"{', '.join(broken)}: not finite")
        arrays.write(folder / name, rows)
        return {"name": name, "sha256": sha256(folder / name)}
    except OSError as error:
        reason = error.strerror or str(error)
        if not folder.is_dir():
            reason = f"{folder} is not there: runner.model_save_path must be a folder that all processes see"
        return {"error": f"rank {ranks.rank} on {own_host()}: {reason}"}
