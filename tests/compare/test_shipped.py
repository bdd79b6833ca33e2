"""Every comparison that ships, found by glob, at tiny size: one seed, all the data, one epoch."""

import json
import re
from collections.abc import Iterator

import numpy as np
import pytest
import yaml

import shipped
from commands import Commands

COMPARISONS = [path for path in shipped.CONFIGS if "compare" in yaml.safe_load(path.read_text())]


@pytest.fixture(scope="module")
def commands() -> Iterator[Commands]:
    started = Commands()
    yield started
    started.close()


@pytest.mark.parametrize("config", COMPARISONS, ids=shipped.name)
def test_every_system_gets_a_row_and_nothing_is_done_twice(config, commands, tmp_path):
    arguments = ["-m", config, "-o", *shipped.settings(config, tmp_path), "compare.seeds=[1]", "compare.shares=[1.0]"]
    arguments += ["compare.out=out"]
    checked = commands(tmp_path, "compare", *arguments, "--dry-run")
    assert checked.code == 0, checked.err
    planned = int(re.search(r"0 of (\d+) runs are done", checked.err)[1])
    assert not (tmp_path / "out").exists()

    compared = commands(tmp_path, "compare", *arguments)
    assert compared.code == 0, compared.err
    systems = yaml.safe_load(config.read_text())["compare"]["systems"]
    report = (tmp_path / "out" / "report.md").read_text()
    for name, system in systems.items():
        row = next(line for line in report.splitlines() if line.startswith(f"| {name} |"))
        assert re.match(rf"\| {name} \| 0\.\d{{4}} \| ", row), row
        rates = system.get("rates", [])
        assert len([c for c in contents(tmp_path) if c["name"] == name]) == max(len(rates), 1)
    found = contents(tmp_path)
    assert len(found) >= planned
    for content in found:
        areas = [content["figures"][name] for name in ("ctr", "cvr", "ctcvr") if name in content["figures"]]
        assert areas
        assert np.isfinite(areas).all()
        assert all(0 < area < 1 for area in areas)

    again = commands(tmp_path, "compare", *arguments)
    assert again.code == 0, again.err
    shown = [line for line in again.err.splitlines() if ": AUC " in line]
    assert shown
    assert all(line.endswith("(done before)") for line in shown)
    assert (tmp_path / "out" / "report.md").read_text() == report


def contents(folder) -> list[dict]:
    """The results of the runs that are done."""
    return [json.loads(path.read_text()) for path in (folder / "out" / "runs").glob("*.json")]
