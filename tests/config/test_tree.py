"""How config files build on each other: bases, what is dropped, where a data folder is, which directory is meant."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.errors import UserError


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_a_base_of_several_files_is_read_in_order(tmp_path):
    write(tmp_path / "a.yaml", "runner: {epochs: 1, seed: 1, print_interval: 1}\n")
    write(tmp_path / "b.yaml", "runner: {epochs: 2, seed: 2}\n")
    config = load(write(tmp_path / "c.yaml", "base: [a.yaml, b.yaml]\nrunner: {epochs: 3}\n"))
    assert (config.runner.epochs, config.runner.seed, config.runner.print_interval) == (3, 2, 1)


def test_what_is_inherited_can_be_dropped(tmp_path):
    write(tmp_path / "a.yaml", "data: {fields: {user: , price: {buckets: 3}}, test_share: 0.1}\n")
    child = write(tmp_path / "b.yaml", "base: a.yaml\ndata: {fields: {price: ~drop}, test_share: ~drop}\n")
    assert load(child).data == {"fields": {"user": None}}
    assert load(tmp_path / "a.yaml", ["data.fields.price=~drop"]).data["fields"] == {"user": None}


@pytest.mark.parametrize(
    ("text", "overrides"), [("data: {fields: {prise: ~drop}}\n", []), ("runner: {}\n", ["data.fields.prise=~drop"])]
)
def test_what_is_dropped_must_be_there(tmp_path, text, overrides):
    write(tmp_path / "a.yaml", "data: {fields: {user: , price: }}\n")
    child = write(tmp_path / "b.yaml", f"base: a.yaml\n{text}")
    with pytest.raises(UserError, match="prise"):
        load(child, overrides)


def test_a_data_folder_is_relative_to_the_file_that_names_it(tmp_path):
    write(tmp_path / "a.yaml", "runner: {train_data_dir: data/train, test_data_dir: /elsewhere}\n")
    child = load(write(tmp_path / "deep" / "er" / "b.yaml", "base: ../../a.yaml\nrunner: {valid_data_dir: v}\n"))
    assert child.resolve(child.runner.train_data_dir) == tmp_path / "data" / "train"
    assert child.resolve(child.runner.valid_data_dir) == tmp_path / "deep" / "er" / "v"
    assert child.runner.test_data_dir == "/elsewhere"


def test_a_config_may_stand_anywhere(tmp_path):
    write(tmp_path / "models" / "m" / "net.py", "")
    config = load(
        write(tmp_path / "mine" / "c.yaml", "model: ../models/m\nrunner: {train_data_dir: d}\n"),
        ["runner.test_data_dir=t"],
    )
    assert config.model_dir == tmp_path / "models" / "m"
    assert config["config_abs_dir"] == str(tmp_path / "models" / "m")
    assert config.resolve(config.runner.train_data_dir) == tmp_path / "mine" / "d"
    assert config.resolve(config.runner.test_data_dir) == tmp_path / "mine" / "t"
    assert not config.warnings


def test_a_model_that_is_inherited_is_the_same_directory(tmp_path):
    write(tmp_path / "m" / "net.py", "")
    write(tmp_path / "a.yaml", "model: m\n")
    assert load(write(tmp_path / "b" / "c.yaml", "base: ../a.yaml\n")).model_dir == tmp_path / "m"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: 3\n", "model should be the path of a model directory, got 3"),
        ("model: nowhere\n", "nowhere is no directory"),
        ("base: [1]\n", r"base should be the path of another config file, or a list of such, got \[1\]"),
    ],
)
def test_what_names_no_directory_or_file(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        load(write(tmp_path / "c.yaml", text))


def test_a_written_config_means_the_same_wherever_it_lies(tmp_path):
    write(tmp_path / "m" / "net.py", "")
    text = "model: m\nrunner: {train_data_dir: d, epochs: 3}\nhyper_parameters: {fields: ['109_14']}\n"
    config = load(write(tmp_path / "c.yaml", text))
    again = load(write(tmp_path / "out" / "0" / "config.yaml", config.to_yaml()))
    assert again.model_dir == config.model_dir
    assert again.resolve(again.runner.train_data_dir) == tmp_path / "d"
    assert again.hyper_parameters == config.hyper_parameters
    assert again.runner.epochs == 3
