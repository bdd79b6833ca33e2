"""A healthy config and data, in which each test plants one fault."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import ESMM, tiny_lines, write_lines


@dataclass
class Clinic:
    """Data, settings and a model directory that the doctor finds nothing wrong with.

    Attributes:
        folder: where the data is written.
        train, test: lines, to be changed by a test.
        settings: overrides of the config.
        directory: the model directory.
    """

    folder: Path
    train: list[str]
    test: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    directory: Path = ESMM

    def examine(self, mode: str = "dygraph") -> list[Any]:
        """All findings."""
        from rec.config.config import load
        from rec.doctor.examine import examine

        for part, lines in (("train", self.train), ("test", self.test)):
            write_lines(self.folder / part, lines)
        overrides = [f"{key}={value}" for key, value in self.settings.items()]
        return list(examine(load(self.directory / "config.yaml", overrides), mode))

    def troubles(self, mode: str = "dygraph") -> list[Any]:
        """Findings that warn or say that something is wrong."""
        return [finding for finding in self.examine(mode) if finding.severity in ("warn", "wrong")]

    def copy_model(self, change: Callable[[str], str] = str) -> Path:
        """Work on a copy of the model directory from now on, its net.py changed."""
        target = self.folder / "model"
        shutil.copytree(ESMM, target, ignore=shutil.ignore_patterns("data", "__pycache__", "output*"))
        before = (target / "net.py").read_text()
        after = change(before)
        assert change is str or after != before, "the line to change is not there"
        (target / "net.py").write_text(after)
        self.directory = target
        return target


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    import paddle

    paddle.disable_static()
    monkeypatch.chdir(tmp_path)
    settings = {
        "runner.train_data_dir": tmp_path / "train",
        "runner.test_data_dir": tmp_path / "test",
        "runner.train_batch_size": 64,
        "hyper_parameters.fields": "[user, item, tags]",
        "hyper_parameters.sparse_feature_number": 60,
        "hyper_parameters.sparse_feature_dim": 4,
        "hyper_parameters.ctr_fc_sizes": "[8]",
        "hyper_parameters.cvr_fc_sizes": "[8]",
    }
    train, test = tiny_lines(3000, seed=1), [f"t{line}" for line in tiny_lines(2000, seed=2)]
    return Clinic(tmp_path, train, test, settings)
