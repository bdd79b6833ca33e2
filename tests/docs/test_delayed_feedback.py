"""docs/delayed-feedback.md is right: its stream runs as it stands there, on fewer clicks."""

from __future__ import annotations

import itertools
import json
import shlex

import pytest

import simulate_table
from late import TREE
from pages import blocks, page
from rec.config.stream import StreamName, StreamSettings
from rec.help import topics
from rec.stream.command import opened
from rec.stream.protocol import stream
from support import ROOT

CONFIG, COMMANDS = blocks(page("delayed-feedback.md"))


def test_the_stream_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "shop" / "stream.yaml").write_text(CONFIG.content)
    simulate, doctor, walk = (shlex.split(line) for line in COMMANDS.content.splitlines())
    fewer = {"--impressions": "12000"}
    simulate_table.main([fewer.get(before, word) for before, word in itertools.pairwise(simulate[1:])])
    assert (doctor[1], walk[1], walk[2:]) == ("tools/doctor.py", "tools/stream.py", doctor[2:])
    methods = ["pretrain", "oracle", "vanilla", "es_dfm"]
    stream(
        *opened(
            walk[3],
            [
                "runner.epochs=1",
                "stream.until=2026-05-10",
                "data.hash_size=1024",
                f"stream.methods=[{','.join(methods)}]",
            ],
        ),
        "dygraph",
    )
    found = json.loads((tmp_path / "output_stream" / "summary.json").read_text())
    assert list(found) == methods
    assert found["oracle"]["relative_gain"]["excess"]["mean"] == pytest.approx(1)
    assert found["vanilla"]["calibration"]["mean"] < 0.6


def test_every_method_and_setting_is_told_of():
    text, reference = page("delayed-feedback.md"), topics.topic("stream")
    assert all(
        f"\n  {name}: " in reference and field.description for name, field in StreamSettings.model_fields.items()
    )
    assert all(f"`{name}`" in text for name in StreamName.__args__)
    assert all(f"  {name}:" in CONFIG.content or f"`{name}" in text or name == "seeds" for name in TREE["stream"])
