"""Paths in a config, each relative to the file that names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA_FOLDERS = ("train_data_dir", "valid_data_dir", "test_data_dir")
"""Runner settings that are folders relative to the file that names them."""


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
            runner[name] = os.path.normpath(folder / given)
        elif isinstance(given, list) and all(isinstance(each, str) for each in given):
            runner[name] = [os.path.normpath(folder / each) for each in given]
