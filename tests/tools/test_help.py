"""The commands as processes, and what they say of themselves."""

import subprocess
import sys
from pathlib import Path

import pytest

from rec.config.settings import RunnerSettings
from support import ROOT, start

TOOLS = ("trainer", "infer", "static_trainer", "static_infer", "to_static", "paddle_infer")


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_a_dozen_lines_and_lists_every_setting(name, tmp_path):
    path = ROOT / "tools" / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 12
    shown = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for setting, field in RunnerSettings.model_fields.items():
        assert f"  {setting}: " in shown.stdout
        assert field.description
    assert "keep_last: int [0]" in shown.stdout
    assert "use_gpu: bool [false]" in shown.stdout


def test_the_doctor_is_a_dozen_lines_and_says_what_it_checks(tmp_path):
    path = ROOT / "tools" / "doctor.py"
    assert len(path.read_text().splitlines()) <= 12
    shown = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for said in ("--mode", "--json FILE", "doctor.json", "leakage", "exit code: 0", "20 steps"):
        assert said in " ".join(shown.stdout.split())


def test_from_any_directory_and_plain_output_without_a_terminal(tiny, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run = start("trainer", *tiny, "runner.epochs=1", cwd=elsewhere)
    log, _ = run.communicate(timeout=120)
    assert run.returncode == 0, log
    assert (elsewhere / "out" / "0" / "rec.safetensors").is_file()
    assert "\x1b" not in log
    for line in log.splitlines():
        assert " - INFO - " in line, line
    assert list(Path(elsewhere).iterdir()) == [elsewhere / "out"]
