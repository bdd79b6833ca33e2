"""The doctor as a process, on what ships and on Hillstrom."""

import json
import subprocess
import sys

import pytest

from support import ESMM, ROOT

HILLSTROM_FIELDS = "[recency, history_segment, history, mens, womens, zip_code, newbie, channel, treatment]"


def doctor(cwd, *arguments):
    command = [sys.executable, str(ROOT / "tools" / "doctor.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def silent(run, path):
    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(path.read_text())
    assert report["counts"]["warn"] == report["counts"]["wrong"] == 0, run.stdout
    assert report["worst"] in ("ok", "note")
    return report


@pytest.mark.parametrize("mode", ["dygraph", "static"])
def test_the_bundled_data_are_healthy_and_nothing_but_the_report_is_written(tmp_path, mode):
    run = doctor(tmp_path, "-m", ESMM / "config.yaml", "--mode", mode)
    report = silent(run, tmp_path / "doctor.json")
    assert report["mode"] == mode
    assert [path.name for path in tmp_path.iterdir()] == ["doctor.json"]
    assert "0 wrong, 0 warn" in run.stdout
    assert {finding["check"] for finding in report["findings"]} >= {
        "config", "train rows", "train labels", "test cvr", "leakage", "train/test overlap", "memory", "disk", "time",
        "trial: loss", "trial: gradients", "trial: towers", "trial: pcvr",
    }  # fmt: skip
    if mode == "static":  # both modes start from the same weights
        program = next(f for f in report["findings"] if f["check"] == "static program")
        assert program["severity"] == "ok"
        assert "first loss" in program["found"]
    gradients = next(f["values"] for f in report["findings"] if f["check"] == "trial: gradients")
    assert set(gradients) == {"ctr", "cvr", "embedding"}


def test_what_is_wrong_makes_the_exit_code_1(tmp_path):
    run = doctor(tmp_path, "-m", ESMM / "config.yaml", "-o", "runner.epoch=3", "--json", "report.json")
    assert run.returncode == 1, run.stderr
    assert "runner.epoch is not a setting (did you mean epochs?)" in run.stdout
    assert json.loads((tmp_path / "report.json").read_text())["counts"]["wrong"] == 1


def test_unusable_input_makes_it_2(tmp_path):
    (tmp_path / "config.yaml").write_text("runner: [")
    run = doctor(tmp_path, "-m", "config.yaml")
    assert run.returncode == 2
    assert run.stderr.startswith("error: config.yaml:1:")
    assert len(run.stderr.splitlines()) == 1
    assert not (tmp_path / "doctor.json").exists()
    run = doctor(tmp_path, "-m", ESMM / "config.yaml", "-o", "runner.epoch=3", "--json", "no/such/folder.json")
    assert run.returncode == 2
    assert "error: no/such/folder.json: cannot be written" in run.stderr


@pytest.mark.parametrize("kind", ["lines", "table"])
def test_hillstrom_is_healthy(tmp_path, shared_data, kind):
    data = shared_data / "hillstrom"
    if kind == "table":
        settings = [f"runner.train_data_dir={data}", f"runner.test_data_dir={data}"]
        run = doctor(tmp_path, "-m", ESMM / "hillstrom.yaml", "-o", *settings)
    else:
        settings = [f"runner.train_data_dir={data / 'train'}", f"runner.test_data_dir={data / 'test'}"]
        settings += [f"hyper_parameters.fields={HILLSTROM_FIELDS}", "hyper_parameters.sparse_feature_number=50"]
        run = doctor(tmp_path, "-m", ESMM / "config.yaml", "-o", *settings)
    silent(run, tmp_path / "doctor.json")


def test_hillstroms_spending_says_who_bought(tmp_path, shared_data):
    """The money that a customer spent is known only after the purchase: real leakage, in real data."""
    data = shared_data / "hillstrom"
    config = tmp_path / "leaky.yaml"
    config.write_text((ESMM / "hillstrom.yaml").read_text().replace("    newbie:\n", "    spend: {buckets: 200}\n"))
    for name in ("net", "dygraph_model", "table_reader"):
        (tmp_path / f"{name}.py").write_text((ESMM / f"{name}.py").read_text())
    (tmp_path / "config.yaml").write_text((ESMM / "config.yaml").read_text())
    run = doctor(tmp_path, "-m", config, "-o", f"runner.train_data_dir={data}", f"runner.test_data_dir={data}")
    assert run.returncode == 1, run.stdout + run.stderr
    wrong = [f for f in json.loads((tmp_path / "doctor.json").read_text())["findings"] if f["severity"] == "wrong"]
    assert {finding["check"] for finding in wrong} == {"leakage"}
    assert {finding["values"]["field"] for finding in wrong} == {"spend"}
