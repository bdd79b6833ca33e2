"""What a search refuses before its first trial, and that other commands check the section and pass it over."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import yaml

from rec.config.config import load
from rec.errors import UserError
from rec.tune import command
from rec.tune.check import check
from rec.tune.plan import Plan
from support import ESMM, ROOT, tiny_lines, write_lines

RANGES = {"hyper_parameters.optimizer.learning_rate": {"low": 1e-4, "high": 0.1, "log": True}}


def config(folder: Path, tune: object, **sections: dict) -> Path:
    tree = {
        "base": str(ESMM / "config.yaml"), "model": str(ESMM),
        "runner": {"train_data_dir": "train", "valid_data_dir": "valid", **sections.get("runner", {})}, "tune": tune,
    }  # fmt: skip
    (folder / "c.yaml").write_text(yaml.safe_dump(tree))
    return folder / "c.yaml"


def refused(path: Path, mode: str = "dygraph") -> str:
    with pytest.raises(UserError) as error:
        check(Plan.load(path, [], mode))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "values", "said"),
    [
        (
            "hyper_parameters.ctr_fc_size",
            {"choices": [[4], [8]]},
            "ctr_fc_size is not used (did you mean ctr_fc_sizes?)",
        ),
        ("hyper_parameters.optimizer.learning_rat", {"low": 1, "high": 2}, "(did you mean learning_rate?)"),
        ("runner.train_batch_siz", {"low": 1, "high": 2}, "is not a setting (did you mean train_batch_size?)"),
        ("runner.seed", {"low": 1, "high": 2}, "tune.ranges.runner.seed is none to search"),
        ("runner.valid_data_dir", {"choices": ["a", "b"]}, "runner.valid_data_dir is none to search"),
        ("data.valid_share", {"low": 0.1, "high": 0.2}, "data.valid_share is none to search"),
        ("data.min_coun", {"low": 1, "high": 2}, "none to search (did you mean min_count?)"),
        ("hyper_parameters.behaviours.click.label", {"choices": ["a", "b"]}, "click.label is none to search"),
        ("hyper_parameters.behaviours", {"choices": [{}, {"click": None}]}, "behaviours is none to search"),
        ("hyper_parameters.behaviours.clik.weight", {"low": 1, "high": 2}, "behaviours of the config has no clik"),
        ("data.fields.usr.min_count", {"low": 1, "high": 2}, "data.fields of the config has no usr"),
        ("hyper.x", {"low": 1, "high": 2}, "expected a setting within runner, hyper_parameters, data"),
        ("hyper_parameters.max_len.more", {"low": 1, "high": 2}, "max_len is a value (0) and no section"),
        ("hyper_parameters.sparse_feature_dim", {"low": 2.0, "high": 8.5}, "should be a valid integer, got 2.0"),
        ("hyper_parameters.ctr_fc_sizes", {"choices": [[4], [8, -1]]}, "ctr_fc_sizes, with [8, -1]: "),
        ("runner.train_batch_size", {"low": -3, "high": 8}, "train_batch_size should be greater than 0, got -3"),
        ("runner.epochs", {"low": 3, "high": 3}, "low should be below high, got 3 and 3"),
        ("runner.epochs", {"low": 0, "high": 3, "log": True}, "log: true needs low above 0"),
        ("runner.epochs", {"low": 1}, "should be {low: ..., high: ..., log: true or false}, or {choices: [...]}"),
        ("runner.epochs", {"choices": [1, 1]}, "choices should be distinct"),
        ("runner.epochs", {"low": 1, "hihg": 2}, "hihg is not a setting (did you mean high?)"),
    ],
)
def test_a_range_that_is_wrong_is_one_line(tmp_path, key, values, said):
    assert said in refused(config(tmp_path, {"objective": "auc_ctcvr", "ranges": {key: values}}))


def test_a_range_within_another_is_refused(tmp_path):
    """One of the two values would be written over the other, and the table would tell of both."""
    whole = {"choices": [{"class": "SGD", "learning_rate": 0.5}, {"class": "Adam", "learning_rate": 0.5}]}
    for ranges in ({**RANGES, "hyper_parameters.optimizer": whole}, {"hyper_parameters.optimizer": whole, **RANGES}):
        said = refused(config(tmp_path, {"objective": "auc_ctcvr", "ranges": ranges}))
        assert "learning_rate is a part of hyper_parameters.optimizer, which has a range too" in said


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ({"ranges": RANGES}, "tune.objective is missing: "),
        (
            {"objective": "auc_cvtr", "ranges": RANGES},
            "auc_cvtr is not measured (did you mean auc_cvr?); one of auc_ctr",
        ),
        ({"objective": "calibration_ctr", "ranges": RANGES}, "calibration_ctr is not measured"),
        (
            {"objective": "auc_ctr", "ranges": RANGES, "budget": {"trial": 3}},
            "budget.trial is not a setting (did you mean",
        ),
        ({"objective": "auc_ctr", "ranges": {}}, "tune.ranges: "),
        (3, "tune should be a section"),
    ],
)
def test_a_section_that_is_wrong_is_one_line(tmp_path, tune, said):
    path = config(tmp_path, tune)
    assert said in refused(path)


def test_without_validation_data_or_the_section(tmp_path):
    tune = {"objective": "auc_ctcvr", "ranges": RANGES}
    assert "needs validation data" in refused(config(tmp_path, tune, runner={"valid_data_dir": None}))
    assert "has no tune section" in refused(ESMM / "config.yaml")


def test_a_paddlerec_directory_s_settings_are_those_of_its_config(tmp_path):
    directory = ROOT / "tests" / "contract" / "directories" / "helpers"
    rate = RANGES["hyper_parameters.optimizer.learning_rate"]
    tree = {"base": str(directory / "config.yaml"), "model": str(directory)}
    tree["runner"] = {"valid_data_dir": str(directory / "data" / "test")}
    tree["tune"] = {"objective": "auc", "ranges": {"hyper_parameters.optimizer.learning_rat": rate}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    assert "no such setting (did you mean hyper_parameters.optimizer.learning_rate?)" in refused(tmp_path / "c.yaml")
    tree["tune"]["ranges"] = RANGES
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    check(Plan.load(tmp_path / "c.yaml", [], "dygraph"))


def test_ranges_may_be_given_as_sections(tmp_path):
    nested = {"hyper_parameters": {"optimizer": {"learning_rate": {"low": 0.1, "high": 0.2}}}}
    path = config(tmp_path, {"objective": "auc_ctcvr", "ranges": nested})
    plan = Plan.load(path, ["tune.ranges.runner.train_batch_size={choices: [8, 16]}"], "dygraph")
    assert list(plan.tune.ranges) == ["hyper_parameters.optimizer.learning_rate", "runner.train_batch_size"]


def test_other_commands_check_the_section_and_pass_it_over(tmp_path, tool, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "train", tiny_lines(100))
    write_lines(tmp_path / "valid", tiny_lines(50, seed=1))
    options = ["hyper_parameters.fields=[user, item, tags]", "hyper_parameters.sparse_feature_number=60"]
    path = config(tmp_path, {"objective": "auc_ctcvr", "ranges": RANGES}, runner={"epochs": 1})
    outcome = tool("trainer", "-m", path, "-o", *options)
    assert (outcome.code, "WARNING" in outcome.err) == (0, False)
    written = load(tmp_path / "output_model_esmm" / "0" / "config.yaml")
    assert not [key for key in written if key.startswith("tune")]
    outcome = tool("trainer", "-m", path, "-o", *options, "tune.budget.trials=none")
    assert outcome.code == 2
    assert outcome.err.endswith("tune.budget.trials: should be a valid integer, got 'none'\n")


def test_what_to_install_is_said_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == "optuna" else importlib.util.find_spec(name))
    monkeypatch.setattr("sys.argv", ["tune.py", "-m", str(config(tmp_path, {}))])
    with pytest.raises(SystemExit) as end:
        command.run(None)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: the search needs Optuna: pip install -r requirements-tune.txt\n"


def test_settings_of_behaviours_fields_and_schedules_can_be_searched(tmp_path):
    """Within a config of several behaviours over a table: each value reaches the part that is asked for it."""
    ranges = {
        "hyper_parameters.behaviours.like.weight": {"low": 0.1, "high": 1.0},
        "hyper_parameters.behaviours.click.label_smoothing": {"low": 0.0, "high": 0.1},
        "hyper_parameters.optimizer.learning_rate": {
            "choices": [0.01, {"schedule": "cosine", "start": 0.01, "end": 0.0}]
        },
        "hyper_parameters.sharing": {"choices": [{"kind": "share_bottom", "fc_sizes": [32]}, {"kind": "none"}]},
        "data.fields.user.min_count": {"low": 1, "high": 9},
        "data.unknown_rate": {"low": 0.0, "high": 0.5},
    }
    directory = ESMM.parent / "share_bottom"
    tree = {"base": str(directory / "config.yaml"), "model": str(directory), "data": {"valid_share": 0.2}}
    tree["tune"] = {"objective": "auc_like", "ranges": ranges}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    plan = Plan.load(tmp_path / "c.yaml", [], "dygraph")
    check(plan)
    values = {key: each.ends[-1] for key, each in plan.tune.ranges.items()}
    for text in (plan.trial_yaml(values, tmp_path / "t"), plan.best_yaml(values, tmp_path / "t", "the best")):
        (tmp_path / "t.yaml").write_text(text)
        written = load(tmp_path / "t.yaml")
        behaviours = written.hyper_parameters["behaviours"]
        assert list(behaviours) == list(load(directory / "config.yaml").hyper_parameters["behaviours"])
        assert behaviours["like"] == {"implies": "click", "weight": 1.0}
        assert behaviours["click"] == {"label_smoothing": 0.1}
        assert written.hyper_parameters["sharing"] == {"kind": "none"}
        assert written.hyper_parameters["optimizer"]["learning_rate"]["schedule"] == "cosine"
        assert written.data["fields"]["user"] == {"min_count": 9}
        assert (written.data["unknown_rate"], written.data["fields"]["words"]) == (0.5, {"buckets": 10})
        assert written.resolve(written.runner.train_data_dir) == directory / "data" / "train"
