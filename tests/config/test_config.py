"""Config files: PaddleRec's flat access, inheritance, overrides, and what is said about mistakes."""

from pathlib import Path

import pytest

from rec.config.config import load
from rec.config.tree import flatten
from rec.errors import UserError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return write(
        tmp_path / "config.yaml",
        "runner: {epochs: 2, use_gpu: false, model_save_path: out, print_interval: 10}\n"
        "hyper_parameters: {optimizer: {class: Adam, learning_rate: 0.001}, sizes: [64, 32]}\n",
    )


def test_keys_are_flat_as_in_paddlerec(config_file):
    config = load(config_file)
    assert config["hyper_parameters.optimizer.class"] == "Adam"
    assert config.get("hyper_parameters.sizes") == [64, 32]
    assert config.get("runner.nothing", 7) == 7
    assert config["config_abs_dir"] == str(config_file.parent)
    assert config.runner.epochs == 2
    config["hyper_parameters.optimizer.learning_rate"] = 0.5
    assert config.hyper_parameters["optimizer"] == {"class": "Adam", "learning_rate": 0.5}


def test_named_lists_under_runner_are_flattened_by_name():
    tree = {"runner": {"phases": [{"name": "a", "x": 1}, {"name": "b", "x": 2}], "plain": [1, 2]}}
    assert flatten(tree) == {
        "runner.phases.a.name": "a",
        "runner.phases.a.x": 1,
        "runner.phases.b.name": "b",
        "runner.phases.b.x": 2,
        "runner.plain": [1, 2],
    }


@pytest.mark.parametrize(
    ("override", "key", "expected"),
    [
        ("runner.epochs=3", "runner.epochs", 3),
        ("runner.epochs=1e1", "runner.epochs", 10),
        ("runner.use_gpu=True", "runner.use_gpu", True),
        ("runner.use_gpu=FALSE", "runner.use_gpu", False),
        ("runner.absent=False", "runner.absent", False),
        ("runner.model_save_path=2024", "runner.model_save_path", "2024"),
        ("runner.model_save_path=null", "runner.model_save_path", None),
        ("hyper_parameters.optimizer.learning_rate=1e-3", "hyper_parameters.optimizer.learning_rate", 0.001),
        ("hyper_parameters.optimizer.learning_rate=1", "hyper_parameters.optimizer.learning_rate", 1.0),
        ("hyper_parameters.sizes=[1, 2, 3]", "hyper_parameters.sizes", [1, 2, 3]),
        ("hyper_parameters.fields=[101, 109_14]", "hyper_parameters.fields", [101, "109_14"]),
        ("hyper_parameters.new=a=b", "hyper_parameters.new", "a=b"),
        ("runner.seed=010", "runner.seed", 10),  # octal in YAML 1.1, where 08 is no number at all
        ("runner.seed=08", "runner.seed", 8),
        ("runner.seed=-0x1F", "runner.seed", "-0x1F"),
        ("runner.seed=0x1F", "runner.seed", 31),
        ("runner.model_save_path=out #2", "runner.model_save_path", "out #2"),
        ("runner.model_save_path='out' #2", "runner.model_save_path", "out"),
        ("hyper_parameters.new=.5", "hyper_parameters.new", 0.5),
        ("data.test={by: dt, after: 2026-05-07}", "data.test.after", "2026-05-07"),  # a date in YAML 1.1
    ],
)
def test_an_override_is_yaml_of_the_type_that_stands_there(config_file, override, key, expected):
    value = load(config_file, [override])[key]
    assert value == expected
    assert type(value) is type(expected)


def test_base_is_merged_below(tmp_path, config_file):
    child = write(tmp_path / "big.yaml", "base: config.yaml\nrunner: {epochs: 5}\nhyper_parameters: {sizes: [1]}\n")
    config = load(child)
    assert (config.runner.epochs, config.runner.print_interval, config["hyper_parameters.sizes"]) == (5, 10, [1])


def test_base_may_not_lead_back(tmp_path):
    child = write(tmp_path / "a.yaml", "base: a.yaml\n")
    with pytest.raises(UserError, match="base leads back"):
        load(child)


def test_all_problems_are_reported_at_once(tmp_path):
    path = write(tmp_path / "c.yaml", "runner: {epochs: three, use_gpu: 1, train_batch_size: 0}\nruner: {}\n")
    with pytest.raises(UserError) as error:
        load(path).check(load(path).warnings)
    message = str(error.value)
    assert "runner.epochs should be an int, got 'three'" in message
    assert "runner.use_gpu should be true or false, got 1" in message
    assert "runner.train_batch_size should be greater than 0, got 0" in message
    assert "runer is not a section" in message
    assert "did you mean runner?" in message
    config = load(path)
    with pytest.raises(UserError) as error:
        config.check(config.problems)  # whoever adds them gets them once
    assert str(error.value).count("epochs") == 1


def test_a_setting_of_several_types_names_them_all(tmp_path):
    text = "runner: {test_data_dir: null, valid_data_dir: 3, keep_last: null, seed: 1.5, best_metric: 1}\n"
    assert set(load(write(tmp_path / "c.yaml", text)).problems) == {
        "runner.test_data_dir should be text or a list, got None",
        "runner.valid_data_dir should be text or a list or null, got 3",
        "runner.keep_last should be an int, got None",
        "runner.seed should be an int, got 1.5",
        "runner.best_metric should be text or null, got 1",
    }


def test_a_text_like_a_day_is_written_and_read_back(tmp_path):
    config = load(write(tmp_path / "c.yaml", "data: {test: {by: dt, after: 2026-05-07}}\n"))
    again = load(write(tmp_path / "d.yaml", config.to_yaml()))
    assert again.data == config.data == {"test": {"by": "dt", "after": "2026-05-07"}}


def test_a_misspelt_setting_names_the_nearest(config_file):
    config = load(config_file, ["runner.print_intervall=3"])
    assert config.unknown_runner_keys() == ["runner.print_intervall is not a setting (did you mean print_interval?)"]


def test_a_key_given_twice_counts_once_and_is_told(tmp_path):
    config = load(write(tmp_path / "c.yaml", "runner: {epochs: 1,\n  epochs: 2}\n"))
    assert config.runner.epochs == 2
    assert config.warnings == ("key 'epochs' is given twice (line 2; the last one counts)",)


@pytest.mark.parametrize(
    ("override", "expected"), [("last_epoch=0", 0), ("last_epoch=-1", -1), ("last_epoch=3", 3), ("runner.epochs=1", -1)]
)
def test_last_epoch_is_a_number(config_file, override, expected):
    config = load(config_file, [override])
    config.check()
    assert config.last_epoch == expected


@pytest.mark.parametrize("text", ["x", "-2", "true", "1.5"])
def test_a_last_epoch_that_is_none(config_file, text):
    with pytest.raises(UserError, match=r"last_epoch should be the number of a trained epoch"):
        load(config_file, [f"last_epoch={text}"]).check()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runner: [1, 2\nhyper: 3\n", r"c\.yaml:\d+:\d+: not valid YAML"),
        ("- a\n- b\n", "expected a mapping"),
        ("", "expected a mapping"),
        ("runner: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_config(tmp_path, text, message):
    path = write(tmp_path / "c.yaml", text)
    with pytest.raises(UserError, match=message):
        load(path)


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(UserError, match="is a directory"):
        load(tmp_path)
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize("override", ["runner.epochs", "=3", "runner.epochs.x=3", "hyper_parameters.sizes=[1"])
def test_an_override_that_is_none(config_file, override):
    with pytest.raises(UserError, match="-o "):
        load(config_file, [override])


def test_the_resolved_config_round_trips(tmp_path, config_file):
    config = load(config_file, ["runner.epochs=4"])
    again = load(write(tmp_path / "resolved.yaml", config.to_yaml()))
    assert again.runner == config.runner
    assert again.hyper_parameters == config.hyper_parameters


def test_what_fuzzing_found(tmp_path):
    text = "runner: {model_save_path: '1e3', seed: 1}\nhyper_parameters: {fields: ['109_14', '1e3', '0x1F']}\n"
    (tmp_path / "c.yaml").write_text(text)
    (tmp_path / "kept.yaml").write_text(load(tmp_path / "c.yaml").to_yaml())  # texts stay texts
    assert load(tmp_path / "kept.yaml").runner.model_save_path == "1e3"
    assert load(tmp_path / "kept.yaml")["hyper_parameters.fields"] == ["109_14", "1e3", "0x1F"]

    (tmp_path / "c.yaml").write_text("hyper_parameters: {optimizer: 1, optimizer.class: Adam}\n")
    config = load(tmp_path / "c.yaml")
    assert config.problems == (
        "hyper_parameters.optimizer is a value, but there is also hyper_parameters.optimizer.class",
    )
    assert config.hyper_parameters == {"optimizer": {"class": "Adam"}}

    for content, message in (
        ("runner: !!map x\n", r"c\.yaml:1:9: not valid YAML: expected a mapping node"),
        (f"base: {'x' * 5000}\n", "cannot be read: File name too long"),
        ('base: "a\\0b"\n', "cannot be read: embedded null byte"),
    ):
        (tmp_path / "c.yaml").write_text(content)
        with pytest.raises(UserError, match=message):
            load(tmp_path / "c.yaml")
