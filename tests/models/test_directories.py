"""Every model directory and every YAML that ships, found by glob: a new one is tested the moment it exists."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.run.assembly import open_directory
from support import ROOT

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
