"""Paths in a config, each relative to the file that names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA_FOLDERS = ("train_data_dir", "valid_data_dir", "test_data_dir")
"""Runner settings that are folders relative to the file that names them."""


REMOTE = ("s3:", "hdfs:")
"""What a place begins with that is on no disk; pathlib keeps one slash of the two behind it."""


def is_remote(place: str | Path) -> bool:
    """Whether a place is in an object store or in HDFS: `s3://bucket/folder`, or what pathlib makes of it."""
    return str(place).startswith(tuple(f"{scheme}/" for scheme in REMOTE))


def joined(folder: Path, place: str) -> Path:
    """A place that is relative to a folder, unless it is absolute or remote."""
    return remote(place) if is_remote(place) else Path(os.path.normpath(folder / place))


def remote(place: str) -> Path:
    """A remote place as a path; HDFS without a host is the one that Hadoop's own settings name."""
    return Path(place.replace("hdfs:///", "hdfs://default/", 1))


def with_files(data: Any, folder: Path) -> Any:
    """A `data` section whose files of pretrained vectors are relative to nothing any more."""
    if not isinstance(data, Mapping) or not isinstance(data.get("fields"), Mapping):
        return data
    fields = {
        name: {**field, "pretrained": os.path.normpath(folder / field["pretrained"])}
        if isinstance(field, Mapping) and isinstance(field.get("pretrained"), str)
        else field
        for name, field in data["fields"].items()
    }
    return {**data, "fields": fields}


def make_absolute(tree: dict[str, Any], folder: Path) -> None:
    """Data folders and files that were relative to `folder`, and still are relative."""
    if "data" in tree:
        tree["data"] = with_files(tree["data"], folder)
    runner = tree.get("runner")
    if not isinstance(runner, dict):
        return
    for name in DATA_FOLDERS:
        given = runner.get(name)
        if isinstance(given, str) and given:
            runner[name] = str(joined(folder, given))
        elif isinstance(given, list) and all(isinstance(each, str) for each in given):
            runner[name] = [str(joined(folder, each)) for each in given]
