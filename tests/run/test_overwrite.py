"""A training writes over its own checkpoints, and over those of another run only when it is told to."""

import shutil
from pathlib import Path

import pytest

from rec.config.config import load
from rec.doctor.examine import examine
from support import ESMM, ROOT, Tool, write_lines

TRAINERS = pytest.mark.parametrize("name", ["trainer", "static_trainer"])


def files() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in Path("out").rglob("*") if path.is_file()}


@TRAINERS
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hyper_parameters.ctr_fc_sizes=[9]", "hyper_parameters.ctr_fc_sizes was [8], is [9]"),
        ("hyper_parameters.optimizer.learning_rate=0.5", "hyper_parameters.optimizer was {"),
        ("runner.seed=7", "runner.seed was 12345, is 7"),
        ("runner.train_data_dir=TEST", "runner.train_data_dir was "),
    ],
)
def test_another_run_is_refused(tool: Tool, tiny, tmp_path, name, override, said):
    assert tool(name, *tiny, "runner.epochs=1").code == 0
    before = files()
    override = override.replace("TEST", str(tmp_path / "test"))
    for more in ([], ["--dry-run"]):
        outcome = tool(name, *tiny, override, *more)
        assert outcome.code == 2
        last = outcome.err.splitlines()[-1]
        assert last.startswith("error: out: holds checkpoints of another run (")
        assert said in last
        assert "runner.model_save_path" in last
        assert "runner.overwrite=true" in last
    assert files() == before
    assert tool(name, *tiny, override, "runner.overwrite=true").code == 0
    assert files() != before


def test_a_list_of_other_places_is_another_run(tool: Tool, tiny, tmp_path):
    train, test = tmp_path / "train", tmp_path / "test"
    for given, code in (([train, test], 0), ([train, test], 0), ([train, train], 2), ([train], 2), (train, 2)):
        places = str(given) if given is train else f"[{', '.join(map(str, given))}]"
        outcome = tool("trainer", *tiny, "runner.epochs=1", f"runner.train_data_dir={places}")
        assert outcome.code == code, outcome.err
        assert code == 0 or "another run (runner.train_data_dir was ['" in outcome.err


@TRAINERS
def test_the_same_run_may_be_repeated(tool: Tool, tiny, name):
    """Shorter or longer, with other log lines, or in the other graph mode."""
    assert tool(name, *tiny).code == 0
    assert tool(name, *tiny).code == 0
    other = "trainer" if name == "static_trainer" else "static_trainer"
    assert tool(other, *tiny, "runner.epochs=1", "runner.print_interval=3", "runner.save_steps=7").code == 0
    assert tool(name, *tiny, "runner.resume=true").code == 0


def test_what_goes_on_or_starts_elsewhere_is_not_asked(tool: Tool, tiny):
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    assert tool("trainer", *tiny, "last_epoch=0", "hyper_parameters.optimizer.learning_rate=0.001").code == 0
    assert tool("trainer", *tiny, "runner.seed=3", "runner.model_save_path=new").code == 0


def test_going_on_from_a_checkpoint_elsewhere_is_asked(tool: Tool, tiny):
    """`last_epoch` with `model_init_path` wrote over whatever stood in the folder."""
    assert tool("trainer", *tiny, "runner.epochs=2").code == 0
    before = files()
    assert tool("trainer", *tiny, "runner.epochs=1", "runner.seed=3", "runner.model_save_path=other").code == 0
    going_on = ["runner.epochs=2", "runner.seed=3", "last_epoch=0", "runner.model_init_path=other/0"]
    outcome = tool("trainer", *tiny, *going_on)
    assert outcome.code == 2
    assert "out: holds checkpoints of another run (" in outcome.err
    assert "runner.seed was 12345, is 3" in outcome.err
    assert files() == before
    assert tool("trainer", *tiny, *going_on, "runner.model_save_path=new").code == 0
    assert tool("trainer", *tiny, *going_on, "runner.model_save_path=other").code == 0  # it stands there


def test_a_copied_example_overwrites_nothing(tool: Tool, tiny, tmp_path):
    """A table in ESMM's directory, whose config names the same folder as ESMM's own."""
    assert tool("trainer", *tiny, "runner.epochs=1").code == 0
    before = files()
    (tmp_path / "rows").mkdir()
    text = "user,item,clicked,bought\n" + "".join(f"u{n % 7},i{n % 5},{n % 2},0\n" for n in range(60))
    (tmp_path / "rows" / "t.csv").write_text(text)
    (tmp_path / "mine.yaml").write_text(f"""\
base: {ESMM / "config.yaml"}
model: {ESMM}
runner: {{train_data_dir: rows, test_data_dir: rows, train_reader_path: table_reader, infer_reader_path: table_reader,
         model_save_path: out}}
data:
  test_share: 0.3
  labels: {{click: clicked, conversion: bought}}
  fields: {{user: , item: }}
hyper_parameters: {{sparse_feature_number: null, fields: ~drop}}
""")
    outcome = tool("trainer", "-m", "mine.yaml")
    assert outcome.code == 2
    assert "out: holds checkpoints of another run (" in outcome.err
    assert files() == before
    found = [finding for finding in examine(load("mine.yaml"), "dygraph") if finding.check == "checkpoints"]
    assert [finding.severity for finding in found] == ["wrong"]
    assert not [f for f in examine(load(tiny[1], tiny[3:]), "dygraph") if f.check == "checkpoints"]


def test_a_checkpoint_that_paddlerec_wrote_is_not_written_over(tool: Tool, tiny):
    Path("out/0").mkdir(parents=True)
    Path("out/0/rec.pdparams").write_bytes(b"x")
    outcome = tool("trainer", *tiny)
    assert outcome.code == 2
    assert "out: holds checkpoints of another run (epoch 0 was not written by these tools)" in outcome.err
    assert Path("out/0/rec.pdparams").read_bytes() == b"x"


def test_paddlerecs_directories_write_over_their_own(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("regression_rating", "copy_of_rating"):
        shutil.copytree(ROOT / "tests" / "contract" / "directories" / "regression_rating", tmp_path / name)
    options = ["-o", "runner.model_save_path=out"]
    assert tool("trainer", "-m", "regression_rating/config.yaml", *options).code == 0
    rate = "hyper_parameters.optimizer.learning_rate=0.001"
    assert tool("trainer", "-m", "regression_rating/config.yaml", *options, rate).code == 0
    outcome = tool("trainer", "-m", "copy_of_rating/config.yaml", *options)
    assert outcome.code == 2
    assert "holds checkpoints of another run (model was " in outcome.err


def test_a_directory_that_was_moved_is_the_same(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ESMM, tmp_path / "here" / "esmm")
    write_lines(tmp_path / "here" / "esmm" / "data" / "train", [f"{n},{n % 2},0,205:{n % 9}" for n in range(64)])
    options = ["-o", "runner.epochs=1", "runner.model_save_path=out", "hyper_parameters.fields=[205]"]
    assert tool("trainer", "-m", "here/esmm/config.yaml", *options).code == 0
    (tmp_path / "here").rename("there")
    assert tool("trainer", "-m", "there/esmm/config.yaml", *options).code == 0
