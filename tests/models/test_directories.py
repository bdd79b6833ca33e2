"""Every model directory and every YAML that ships, found by glob: a new one is tested the moment it exists."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.loading import ModelDirectory
from support import ROOT, Tool

DIRECTORIES = sorted(path.parent for path in (ROOT / "models").glob("**/dygraph_model.py"))
CONFIGS = sorted((ROOT / "models").glob("**/*.yaml"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "models"))


@pytest.mark.parametrize("directory", DIRECTORIES, ids=name)
def test_a_directory_is_complete(directory):
    files = {path.name for path in directory.iterdir()}
    assert {"dygraph_model.py", "static_model.py", "config.yaml", "config_bigdata.yaml", "README.md"} <= files


@pytest.mark.parametrize("config_file", CONFIGS, ids=name)
@pytest.mark.parametrize(("module", "name"), [("dygraph_model", "DygraphModel"), ("static_model", "StaticModel")])
def test_a_config_fits_its_model(config_file, module, name):
    config = load(config_file)
    directory = ModelDirectory(config.model_dir)
    model_class = directory.load(module, name)
    model = model_class() if module == "dygraph_model" else model_class(config)
    for reader in (config.runner.train_reader_path, config.runner.infer_reader_path):
        config.check(model.check(config, directory.load(reader, "RecDataset")))


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
