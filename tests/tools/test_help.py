"""The commands as processes, and what they say of themselves."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from rec.config.behaviours import Behaviour
from rec.config.compare import Compare, Published, System
from rec.config.metric_kinds import METRICS
from rec.config.settings import RunnerSettings
from rec.config.tune import Budget, Range, Tune
from rec.data.table_settings import DataSettings, FieldColumn
from support import ESMM, ROOT, alone, start

TOOLS = ("trainer", "infer", "static_trainer", "static_infer", "to_static", "paddle_infer")


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_is_a_dozen_lines_and_lists_every_setting(name, tmp_path):
    path = ROOT / "tools" / f"{name}.py"
    assert len(path.read_text().splitlines()) <= 12
    shown = subprocess.run([sys.executable, path, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    for setting, field in RunnerSettings.model_fields.items():
        assert f"  {setting}: " in shown.stdout
        assert field.description
    assert "keep_last: int >= 0 [0]" in shown.stdout
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


COMMANDS = ("trainer", "infer", "compare", "doctor", "tune")


def shown(name: str, *arguments: object) -> str:
    """What a command prints, with the spaces and line breaks of its layout made one space."""
    outcome = alone(name, *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    return " ".join(outcome.out.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_its_topics(name):
    assert "--help [TOPIC]" in shown(name, "--help")
    assert "data, hyper_parameters, behaviours, compare, tune, stream, metrics" in shown(name, "--help")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("topic", "models"),
    [
        ("data", (DataSettings, FieldColumn)),
        ("behaviours", (Behaviour,)),
        ("compare", (Compare, System, Published)),
        ("tune", (Tune, Range, Budget)),
    ],
)
def test_a_topic_lists_every_setting_with_its_meaning(name, topic, models):
    text = shown(name, "--help", topic)
    for model in models:
        for setting, field in model.model_fields.items():
            assert field.description
            assert re.search(rf" {setting}: [^\[]+ \[.*?\]+ {re.escape(field.description)}", text), setting


def test_metrics_are_listed_with_their_options():
    text = shown("trainer", "--help", "metrics")
    for kind, declared in METRICS.items():
        name = f"{kind}@K" if declared.at else kind
        assert f"{name}: {declared.meaning} (interval: {declared.interval})" in text
        for option, field in declared.options.model_fields.items():
            assert re.search(rf" {option}: [^\[]+ \[.*?\]+ {re.escape(field.description or '?')}", text), option


def test_types_limits_and_defaults_are_in_the_words_of_a_config():
    data, compare = shown("trainer", "--help", "data"), shown("trainer", "--help", "compare")
    assert " buckets: int > 1 <= 1000000 or null [null] " in data
    assert " fields: section [required] " in data
    assert " quoting: one of standard, none ['standard'] " in data
    assert " shares: list of float > 0 <= 1 [[1.0]] " in compare


@pytest.mark.parametrize("name", COMMANDS)
def test_hyper_parameters_are_those_of_any_combination_of_parts(name):
    text = shown(name, "--help", "hyper_parameters")
    for said in (
        "Adagrad: learning_rate [required], epsilon [1e-06], weight_decay [null]",  # Paddle's
        "Adam: learning_rate [0.001], beta1 [0.9], beta2 [0.999], epsilon [1e-08] Adagrad:",  # the table's
        "sparse_feature_number: int > 0 or null [null] V; ids are 0 to V - 1. null: the reader says, from its data.",
        "pooling: one of sum, mean, weighted ['sum'] how a field's vectors become one",
        "num_field: int [as many as fields] fields of an impression.",
        "tower_fc_sizes: list of int > 0 [required] hidden layers of each tower.",
        "num_shared_expert: int > 0 [required] experts at each level, shared and per tower.",
        "alpha: number >= 0 [1.5] how strongly lagging tasks are pulled up.",
    ):
        assert said in text


def test_hyper_parameters_of_a_directory_are_those_of_its_network(tmp_path):
    (tmp_path / "config.yaml").write_text(f"model: {ESMM}\n")
    text = shown("trainer", "-m", tmp_path / "config.yaml", "--help", "hyper_parameters")
    assert "network ESMM: " in text
    assert "ctr_fc_sizes: list of int > 0 [required] hidden layers of each tower. cvr_fc_sizes:" in text
    assert "share_embedding: bool [true] false gives each tower" in text
    assert "num_expert" not in text


def test_hyper_parameters_of_a_derived_network_are_its_own_and_its_base_s():
    text = shown("trainer", "-m", ESMM.parent / "escm2" / "config.yaml", "--help", "hyper_parameters")
    assert "network ESCM2: " in text
    assert "interaction: section such as {kind: none}, by kind" in text
    assert "whether first and second order go to the logits" in text
    assert "propensity_min: float > 0 < 1 [0.01] what pCTR is raised to at least" in text
    # Of a parameter that both explain, what the derived class says.
    assert "[required] hidden layers of each tower; of the imputation tower, too." in text


def test_a_paddlerec_directory_and_an_unknown_topic_end_in_one_line():
    directory = ROOT / "tests" / "contract" / "directories" / "helpers"
    refused = alone("trainer", "-m", directory / "config.yaml", "--help", "hyper_parameters")
    assert refused.code == 2
    assert refused.err == (
        f"error: {directory}: is written for PaddleRec; its own files say which hyper-parameters they read\n"
    )
    unknown = alone("doctor", "--help", "sharing")
    assert unknown.code == 2
    assert "invalid choice: 'sharing'" in unknown.err
