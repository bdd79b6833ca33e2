"""Deltas between exports: the next one to the byte, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from rec.errors import UserError
from rec.scoring import delta
from rec.scoring.manifest import ExportManifest, read_export, write_export

ROWS, WIDTH = 20_000, 12


def export(folder: Path, table: np.ndarray, **more: str) -> Path:
    """What an export is to a delta: files, and their checksums."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"graph" + table.astype(np.float32).tobytes())
    (folder / "README.md").write_text("the same")
    for name, text in more.items():
        (folder / f"{name}.json").write_text(text)
    nothing = {"offsets": {}, "columns": {}, "parity": {}, "metrics": {}, "versions": {}}
    lists = {"fields": [], "shared": [], "inputs": [], "outputs": []}
    manifest = ExportManifest(
        model="m", checkpoint="c", epoch=0, step=1, reader="ids", num_id=len(table), rows="float32", **nothing, **lists
    )
    write_export(folder, manifest)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def days(tmp_path: Path) -> tuple[Path, Path]:
    """Two exports, of which the second has a tenth of other rows, and 500 new ones in between."""
    random = np.random.default_rng(0)
    table = random.normal(size=(ROWS, WIDTH))
    later = np.insert(table, np.sort(random.integers(0, ROWS, 500)), random.normal(size=(500, WIDTH)), axis=0)
    later[random.choice(len(later), 2000, replace=False)] += 1
    return export(tmp_path / "old", table), export(tmp_path / "new", later, vocabulary="{}")


def test_it_makes_the_next_export_of_little_more_than_what_differs(days, tmp_path):
    old, new = days
    delta.make(old, new, tmp_path / "day2")
    size = (tmp_path / "day2" / "model.onnx.patch").stat().st_size
    assert size < 1.25 * 2500 * WIDTH * 4  # of 20,500 rows
    assert not (tmp_path / "day2" / "README.md.patch").exists()
    delta.apply(tmp_path / "day2", old)
    assert contents(old) == contents(new)
    assert read_export(old).num_id == ROWS + 500
    with pytest.raises(UserError, match="begins with another export"):
        delta.apply(tmp_path / "day2", old)


def test_what_is_damaged_changes_nothing(days, tmp_path):
    old, new = days
    before = contents(old)
    delta.make(old, new, tmp_path / "day2")
    whole = (tmp_path / "day2" / "model.onnx.patch").read_bytes()
    at = len(whole) // 2
    for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], b""):
        (tmp_path / "day2" / "model.onnx.patch").write_bytes(damaged)
        with pytest.raises(UserError, match=r"day2: (is damaged|model\.onnx\.patch cannot be applied)"):
            delta.apply(tmp_path / "day2", old)
        assert contents(old) == before
    path = tmp_path / "day2" / "delta.json"
    path.write_text(path.read_text().replace("README.md", "../README.md"))
    with pytest.raises(UserError, match="names files outside"):
        delta.apply(tmp_path / "day2", old)
    path.write_text("{}")
    with pytest.raises(UserError, match="is damaged, or of another version"):
        delta.apply(tmp_path / "day2", old)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["day2", "new", "old"]


def test_what_is_no_delta_is_not_written_over(days, tmp_path):
    old, new = days
    with pytest.raises(UserError, match="is no delta"):
        delta.make(old, new, new)
    shutil.rmtree(tmp_path / "new")
    with pytest.raises(UserError, match=r"holds no export\.json"):
        delta.make(old, new, tmp_path / "day2")
    with pytest.raises(UserError, match=r"holds no delta\.json"):
        delta.apply(tmp_path / "day2", old)
