"""An exported model, and a service of it in a process of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from commands import Commands
from rec.serving.app import create_app
from rec.serving.service import Service
from rec.serving.settings import Settings
from shipped import LINES, MODELS
from support import start


@dataclass
class Trained:
    """ESMM on some bundled lines, exported after each of two epochs; the rows, and what infer.py says of them."""

    exports: tuple[Path, Path]
    rows: list[dict[str, Any]]
    expected: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def trained(process: Commands, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data").mkdir()
    lines = (LINES / "test" / "part-0.txt").read_text().splitlines(keepends=True)[:300]
    (folder / "data" / "part").write_text("".join(lines))
    config = MODELS / "multitask" / "esmm" / "config.yaml"
    options = [f"runner.{part}_data_dir={folder / 'data'}" for part in ("train", "test")]
    options += ["runner.epochs=2", "runner.model_save_path=out", "runner.print_interval=100"]

    def run(name: str, *more: object) -> None:
        done = process(folder, name, "-m", config, *more)
        assert done.code == 0, done.err

    run("trainer", "-o", *options)
    exports = (folder / "first", folder / "second")
    for epoch, path in enumerate(exports):
        run("export", "--to", path, "-o", *options, f"runner.infer_end_epoch={epoch + 1}")
    run("infer", "-o", *options, "runner.infer_end_epoch=1", "runner.predict_save_path=p.parquet")
    table = pq.read_table(folder / "p.parquet")
    return Trained(
        exports, [as_row(line) for line in lines], {n: table[n].to_numpy() for n in ("pctr", "pcvr", "pctcvr")}
    )


def as_row(line: str) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for token in line.strip().split(",")[3:]:
        field, value = token.split(":")
        row.setdefault(field, []).append(int(value))
    return row


@dataclass
class Running:
    """A service with two workers, the folder that it serves, and the lines that it has said."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    said: list[str]

    def workers(self) -> list[int]:
        """The processes that have said that they answer, and have not ended since."""
        answering = [int(pid) for pid in re.findall(r"worker (\d+) answers", "".join(self.said))]
        ended = re.findall(r"worker (\d+) ended", "".join(self.said))
        return [pid for pid in answering if str(pid) not in ended]

    def replace(self, export: Path) -> None:
        """Another export under the name of the served one, as tools/export.py puts it there."""
        new, old = self.folder.with_name("new"), self.folder.with_name("old")
        shutil.copytree(export, new)
        self.folder.rename(old)
        new.rename(self.folder)
        shutil.rmtree(old)


@pytest.fixture(scope="module")
def running(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served") / "export"
    shutil.copytree(trained.exports[0], folder)
    process = start("serve", folder, "--port", 0, "--workers", 2, "--drain", 0.3, "--timeout", 20, cwd=folder.parent)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    found = re.search(r"serving .* at http://127.0.0.1:(\d+)", lines[0])
    assert found, lines[0] + process.stdout.read()
    reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
    reader.start()
    yield Running(process, int(found[1]), folder, lines)
    process.kill()
    process.wait()
    reader.join()


@pytest.fixture
def app(trained: Trained) -> Callable[..., TestClient]:
    """A client of the application in this process, of an export with some settings."""

    def make(export: Path = trained.exports[0], **settings: Any) -> TestClient:
        return TestClient(create_app(Service(Settings(export, **settings))), raise_server_exceptions=True)

    return make
