"""What a checkpoint was trained to read, and what a run that goes on with it may change."""

import json
from pathlib import Path

import numpy as np
import pytest

from support import ESMM, Tool

TABLE = """\
base: {base}
runner:
  train_data_dir: {folder}/train
  test_data_dir: {folder}/test
  train_reader_path: table_reader
  infer_reader_path: table_reader
  train_batch_size: 100
  infer_batch_size: 500
  epochs: 2
  infer_start_epoch: 0
  infer_end_epoch: 2
  print_interval: 1000
  model_save_path: out
  infer_load_path: out
data:
  labels: {{click: click, conversion: buy}}
  fields: {{user: , item: , tags: {{separator: "|"}}}}
hyper_parameters:
  sparse_feature_number: null
  sparse_feature_dim: 4
  ctr_fc_sizes: [8]
  cvr_fc_sizes: [8]
  optimizer: {{class: Adam, learning_rate: 0.02}}
"""


def rows(count: int, seed: int, users: int = 20) -> str:
    """Clicks that the user alone decides: users of even number click."""
    random = np.random.default_rng(seed)
    lines = ["user,item,tags,click,buy"]
    for _ in range(count):
        user, item = random.integers(users), random.integers(10)
        click = int(random.random() < (0.9 if user % 2 == 0 else 0.1))
        lines.append(f"u{user},i{item},t{item % 3}|t{item % 4},{click},{int(click and item < 5)}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config that stands beside nothing: the model directory is its base's."""
    monkeypatch.chdir(tmp_path)
    for part, count, seed in (("train", 2000, 1), ("test", 1000, 2)):
        (tmp_path / part).mkdir()
        (tmp_path / part / "t.csv").write_text(rows(count, seed))
    file = tmp_path / "c.yaml"
    file.write_text(f"model: {ESMM}\n" + TABLE.format(base=ESMM / "config.yaml", folder=tmp_path))
    return file


def auc_of(tmp_path: Path, epoch: int) -> float:
    return json.loads((tmp_path / "out" / str(epoch) / "metrics.json").read_text())["auc_ctr"]


@pytest.mark.parametrize("prefix", ["", "static_"])
def test_last_epoch_keeps_the_vocabulary(config_file, tmp_path, tool: Tool, prefix):
    """Other data count values otherwise: a vocabulary made anew would permute ids, and the weights mean nothing."""
    assert tool(f"{prefix}trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    assert tool(f"{prefix}infer", "-m", config_file, "-o", "runner.infer_end_epoch=1").code == 0
    before = auc_of(tmp_path, 0)
    assert before > 0.85
    (tmp_path / "train" / "t.csv").write_text(rows(300, 7, users=40))
    went_on = tool(f"{prefix}trainer", "-m", config_file, "-o", "last_epoch=0")
    assert went_on.code == 0, went_on.err
    assert tool(f"{prefix}infer", "-m", config_file).code == 0
    assert auc_of(tmp_path, 0) == before, "the weights of epoch 0 are untouched, and so is its vocabulary"
    assert auc_of(tmp_path, 1) > before - 0.02


def test_every_epoch_is_evaluated_with_its_own_vocabulary(config_file, tmp_path, tool: Tool):
    assert tool("trainer", "-m", config_file).code == 0
    assert tool("infer", "-m", config_file).code == 0
    before = auc_of(tmp_path, 0)
    state = json.loads((tmp_path / "out" / "0" / "state.json").read_text())
    # Epoch 1 trained anew on other data, with a vocabulary of its own, as a part of the same run.
    (tmp_path / "train" / "t.csv").write_text(rows(500, 9, users=31))
    assert tool("trainer", "-m", config_file, "-o", "runner.model_save_path=other").code == 0
    other = json.loads((tmp_path / "other" / "1" / "state.json").read_text())
    assert other["files"]["vocabulary.json"] != state["files"]["vocabulary.json"]
    (tmp_path / "out" / "1").rename(tmp_path / "old")
    (tmp_path / "other" / "1").rename(tmp_path / "out" / "1")
    _sign(tmp_path / "out" / "1", {**other, "run": state["run"]})
    assert tool("infer", "-m", config_file).code == 0
    assert auc_of(tmp_path, 0) == before
    assert auc_of(tmp_path, 1) > 0.8


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("data.fields.tags.separator=' '", r"data\.fields\.tags\.separator was '|', is ' '"),
        ("data.fields.tags=~drop", "hyper_parameters.fields was ['user', 'item', 'tags'], is ['user', 'item']"),
        ("data.hash_size=50", "data.hash_size was None, is 50"),
        ("hyper_parameters.pooling=mean", "hyper_parameters.pooling was 'sum', is 'mean'"),
        ("data.fields.item.column=tags", "data.fields.item.column was None, is 'tags'"),
    ],
)
def test_data_read_otherwise_is_refused(config_file, tool: Tool, override, said):
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    for command in ("infer", "static_infer", "to_static"):
        ended = tool(command, "-m", config_file, "-o", "runner.infer_end_epoch=1", override)
        assert ended.code == 2
        assert said.replace("\\", "") in ended.err, command
    started = tool(
        "trainer", "-m", config_file, "-o", "runner.model_init_path=out/0", "runner.model_save_path=b", override
    )
    assert started.code == 2
    assert said.replace("\\", "") in started.err


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hyper_parameters.optimizer.learning_rate=0.1", "hyper_parameters.optimizer.learning_rate was 0.02, is 0.1"),
        ("hyper_parameters.share_embedding=false", "hyper_parameters.share_embedding was True, is False"),
        ("data.min_count=5", "data.min_count was None, is 5"),
        ("data.labels.conversion=click", "data.labels.conversion was 'buy', is 'click'"),
        ("hyper_parameters.table_optimizer={class: SGD, learning_rate: 0.1}", "hyper_parameters.table_optimizer was"),
        ("data.valid_share=0.2", "data.valid_share was"),
        ("data.unknown_rate=0", "data.unknown_rate was None, is 0"),
        ("runner.label_policy=keep", "runner.label_policy was"),
    ],
)
def test_a_resumed_run_is_the_same_run(config_file, tool: Tool, override, said):
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    ended = tool("trainer", "-m", config_file, "-o", "runner.resume=true", override)
    assert ended.code == 2
    assert said in ended.err
    assert "runner.warm_start" in ended.err
    assert tool("trainer", "-m", config_file, "-o", "runner.resume=true").code == 0


def test_another_label_column_is_told(config_file, tool: Tool):
    """Prices tested as watch times, say. A label that nothing was trained on is another matter."""
    before = ["-m", config_file, "-o", "runner.epochs=1", "data.numbers={price: buy}"]
    assert tool("trainer", *before).code == 0
    for section, told in (
        ("labels.conversion=click", "labels.conversion was 'buy', is 'click'"),
        ("numbers.price=click", "numbers.price was 'buy', is 'click'"),
        ("numbers.more=tags", None),
    ):
        ended = tool("infer", *before, "runner.infer_end_epoch=1", f"data.{section}")
        assert ended.code == 0, ended.err
        assert ("trained on another label column" in ended.err) == bool(told)
        assert (told or "") in ended.err


def test_a_warm_start_says_what_is_new(config_file, tmp_path, tool: Tool):
    """All users spelled otherwise: none has a vector of its own, in a training that looks like any other."""
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    (tmp_path / "train" / "t.csv").write_text(rows(500, 3).replace("\nu", "\nU"))
    begun = tool("trainer", "-m", config_file, "-o", "runner.warm_start=out/0", "runner.model_save_path=next")
    assert begun.code == 0, begun.err
    assert "training has not seen most values of field user (100.0%: 20 of 20 values" in begun.err


def test_a_resumed_run_has_the_same_data(config_file, tmp_path, tool: Tool):
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    (tmp_path / "train" / "t.csv").write_text(rows(2000, 3))
    ended = tool("trainer", "-m", config_file, "-o", "runner.resume=true")
    assert ended.code == 2
    assert "the training data was" in ended.err
    assert tool("trainer", "-m", config_file, "-o", "runner.warm_start=out/0", "runner.model_save_path=next").code == 0


def test_a_warm_start_takes_the_optimizer_along(config_file, tmp_path, tool: Tool):
    """Weights alone begin with Adam's moments at 0 and so move otherwise than weights with their moments."""
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    from rec.checkpoint.files import load

    after = {}
    for setting in ("warm_start", "model_init_path"):
        ended = tool(
            "trainer", "-m", config_file, "-o", "runner.epochs=1", f"runner.{setting}=out/0",
            f"runner.model_save_path={setting}",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        after[setting] = load(tmp_path / setting / "0", "everything")
    moments = [name for name in after["warm_start"].optimizer if "moment2" in name and "embedding" not in name]
    assert moments
    name = moments[0]
    assert after["warm_start"].optimizer[name].sum() > after["model_init_path"].optimizer[name].sum()
    assert json.loads((tmp_path / "warm_start" / "0" / "state.json").read_text())["epoch"] == 0


def test_a_checkpoints_config_can_be_run_from_where_it_lies(config_file, tmp_path, tool: Tool, monkeypatch):
    assert tool("trainer", "-m", config_file, "-o", "runner.epochs=1").code == 0
    assert tool("infer", "-m", config_file, "-o", "runner.infer_end_epoch=1").code == 0
    before = auc_of(tmp_path, 0)
    again = tool("infer", "-m", tmp_path / "out" / "0" / "config.yaml", "-o", "runner.infer_end_epoch=1")
    assert again.code == 0, again.err
    assert auc_of(tmp_path, 0) == before


def _sign(folder: Path, content: dict) -> None:
    """Write a changed state.json with the checksum that belongs to it."""
    import hashlib

    rest = {name: value for name, value in content.items() if name != "checksum"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    (folder / "state.json").write_text(json.dumps({**rest, "checksum": digest}))


def test_a_training_that_has_nothing_left_says_so(tool: Tool, tiny):
    """`last_epoch` with too few epochs ended as if it had trained; a command that resumes may be given once more."""
    assert tool("trainer", *tiny, "runner.epochs=2").code == 0
    for setting, level in (("last_epoch=1", "WARNING"), ("runner.resume=true", "INFO")):
        outcome = tool("trainer", *tiny, "runner.epochs=2", setting)
        assert outcome.code == 0
        assert f" - {level} - nothing is trained: runner.epochs is 2, and they are done" in outcome.err
    assert "nothing is trained" not in tool("trainer", *tiny, "runner.epochs=3", "last_epoch=1").err
