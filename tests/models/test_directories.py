"""Every model directory and every YAML that ships, found by glob: a new one is tested the moment it exists."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.run.assembly import open_directory
from support import ROOT, Tool

DIRECTORIES = sorted(path.parent for path in (ROOT / "models").glob("**/config.yaml"))
CONFIGS = sorted(path for path in (ROOT / "models").glob("**/*.yaml") if not path.name.startswith("base"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "models"))


@pytest.mark.parametrize("directory", DIRECTORIES, ids=name)
def test_a_directory_is_complete(directory):
    files = {path.name for path in directory.iterdir()}
    assert {"config.yaml", "config_bigdata.yaml", "README.md"} <= files


@pytest.mark.parametrize("config_file", CONFIGS, ids=name)
@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_a_config_fits_its_model(config_file, mode):
    directory = open_directory(load(config_file), mode)
    directory.config.check(directory.problems)


@pytest.mark.parametrize("directory", DIRECTORIES, ids=name)
@pytest.mark.parametrize("prefix", ["", "static_"])
def test_a_directory_trains_and_evaluates_on_its_bundled_data(directory, prefix, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["-m", directory / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    trained = tool(f"{prefix}trainer", *arguments)
    assert trained.code == 0, trained.err
    assert "epoch: 0 done, loss: " in trained.err
    evaluated = tool(f"{prefix}infer", *arguments)
    assert evaluated.code == 0, evaluated.err
    assert "epoch: 0 done, auc_" in evaluated.err
    save_path = load(directory / "config.yaml").runner.model_save_path
    assert (tmp_path / save_path / "0" / "metrics.json").is_file()
