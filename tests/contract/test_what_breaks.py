"""What breaks in PaddleRec and does not here: one test for each item of the list in README.md beside this file.

Items 1 and 2 are of static mode (test_static_directories.py). Where another file shows an item more fully, the table
in README.md names it.
"""

import re
import shutil
from pathlib import Path

import pytest

from rec.checkpoint.arrays import read
from rec.config.config import load
from rec.data.plan import ReadPlan
from rec.data.text import TextReader
from support import ROOT, Outcome, Tool, start

HERE = Path(__file__).parent / "directories"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of one's own to spoil: an FM over rows of text."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(HERE / "rows_fm", tmp_path / "fm")
    return tmp_path / "fm"


def arguments(directory: Path, *options: str) -> list[object]:
    return ["-m", directory / "config.yaml", "-o", "runner.epochs=2", "runner.infer_end_epoch=2", *options]


def refused(outcome: Outcome, message: str) -> None:
    assert outcome.code == 2, outcome.err
    assert re.search(message, outcome.err.strip().splitlines()[-1]), outcome.err
    assert "Traceback" not in outcome.err


def last(log: str) -> str:
    """The last epoch's figures."""
    return re.findall(r"done, (.*)epoch time", log)[-1]


@pytest.mark.parametrize("workers", [0, 2])
def test_item_3_a_malformed_line_ends_the_run(directory, tmp_path, workers):
    with (directory / "data" / "train" / "a.txt").open("a") as file:
        file.write("click:1 dense:none user:3 item:25\n")
    run = start("trainer", *arguments(directory, f"runner.num_workers={workers}"), cwd=tmp_path)
    log, _ = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "criteo_like_reader.py:19: ValueError: could not convert string to float: 'none'" in log.splitlines()[-1]


def test_item_3_folders_and_hidden_files_are_no_data(directory, tool: Tool):
    clean = tool("trainer", *arguments(directory)).err
    (directory / "data" / "train" / ".ipynb_checkpoints").mkdir()
    (directory / "data" / "train" / "old").mkdir()
    (directory / "data" / "train" / ".a.txt.swp").write_text("x")
    outcome = tool("trainer", *arguments(directory))
    assert outcome.code == 0, outcome.err
    assert last(outcome.err) == last(clean)


@pytest.mark.parametrize("bad", ["40", "-1", "1099511627776"])
def test_item_4_an_id_beyond_the_embedding(directory, tool: Tool, bad):
    with (directory / "data" / "train" / "a.txt").open("a") as file:
        file.writelines(f"click:1 dense:0.5 user:3 item:{bad}\n" for _ in range(20))
    message = rf"embedding embedding_one has 40 rows \(ids 0 to 39\), the data holds id {bad}: .*epoch 0, batch 10\)"
    refused(tool("trainer", *arguments(directory)), message)


def test_item_5_reader_processes_change_nothing(directory, tool: Tool):
    logs = [tool("trainer", *arguments(directory, f"runner.num_workers={n}")).err for n in (0, 1, 3)]
    assert last(logs[0]) == last(logs[1]) == last(logs[2])
    outcome = tool("infer", *arguments(directory, "runner.num_workers=3"))
    assert last(outcome.err) == last(tool("infer", *arguments(directory)).err)


def test_item_5_several_trainers_are_refused(directory, tool: Tool, monkeypatch):
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    refused(tool("trainer", *arguments(directory)), "written for PaddleRec exchanges no gradients")


def test_item_6_last_epoch_goes_on_with_the_optimizers_state(directory, tool: Tool):
    whole = tool("trainer", *arguments(directory, "runner.model_save_path=whole"))
    assert tool("trainer", *arguments(directory, "runner.epochs=1")).code == 0
    outcome = tool("trainer", *arguments(directory, "last_epoch=0"))
    assert outcome.code == 0, outcome.err
    assert "epoch: 0," not in outcome.err
    assert last(outcome.err) == last(whole.err)
    for file in ("rec.pdparams", "rec.pdopt"):
        assert Path("whole/1", file).read_bytes() == Path("output_model_rows_fm/1", file).read_bytes()


def test_item_7_the_tail_is_scored(directory, tool: Tool):
    assert tool("trainer", *arguments(directory)).code == 0
    # 100 rows: 3 batches of 30 and a tail of 10.
    figures = [last(tool("infer", *arguments(directory, f"runner.infer_batch_size={n}")).err) for n in (30, 100, 1000)]
    assert figures[0] == figures[1] == figures[2]
    assert '"impressions": 100' in Path("output_model_rows_fm/1/metrics.json").read_text()


def test_item_7_less_than_a_batch_is_told(directory, tool: Tool):
    outcome = tool("trainer", *arguments(directory, "runner.train_batch_size=201"))
    refused(outcome, "the reader yields no batch: .*runner.drop_last=false trains on it")
    assert tool("trainer", *arguments(directory, "runner.train_batch_size=201", "runner.drop_last=false")).code == 0


@pytest.mark.parametrize(
    "option",
    ["hyper_parameters.fc_sizes=[4, 2]", "runner.epochs=1e0", "runner.model_save_path=a=b", "runner.mine=False"],
)
def test_item_8_overrides_of_any_kind(directory, tool: Tool, option):
    assert tool("trainer", *arguments(directory, option)).code == 0


def test_item_8_a_misspelt_key_is_told(directory, tool: Tool):
    outcome = tool("trainer", *arguments(directory, "runner.print_intervall=1", "runner.geo_step=3"))
    assert outcome.code == 0
    assert "runner.print_intervall is not a setting (did you mean print_interval?): left to the model" in outcome.err
    assert "geo_step" not in outcome.err
    refused(tool("trainer", "-m", ROOT / "models/multitask/esmm/config.yaml", "-o", "runner.print_intervall=1"), "mean")


def test_item_9_no_traceback_for_what_is_missing(directory, tool: Tool, tmp_path):
    assert tool("trainer").code == 2
    refused(tool("trainer", "-m", directory), "is a directory")
    refused(tool("infer", *arguments(directory)), "no checkpoint of epochs 0 to 1; train first")
    config = directory / "config.yaml"
    config.write_text(config.read_text().replace("  print_interval: 2\n", ""))
    outcome = tool("trainer", *arguments(directory))
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("batch_id") == 2  # every 100 steps by default: the first of each epoch


def test_item_10_a_sparse_embedding_trains_like_a_dense_one(directory, tool: Tool):
    sparse = tool("trainer", *arguments(directory, "runner.model_save_path=sparse"))
    assert "dense gradients" not in sparse.err
    net = directory / "net.py"
    net.write_text(net.read_text().replace("sparse=True", "sparse=False"))
    dense = tool("trainer", *arguments(directory, "runner.model_save_path=dense"))
    found, expected = ([float(x) for x in re.findall(r": ([\d.]+)", last(log.err))] for log in (sparse, dense))
    assert found == pytest.approx(expected, abs=2e-6)
    for file in ("rec.pdparams", "rec.pdopt"):
        rows, whole = (read(Path(f"{name}/1/{file}")) for name in ("sparse", "dense"))
        assert rows.keys() == whole.keys()
        for name, value in whole.items():
            assert rows[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_item_11_an_epochs_loss_is_the_mean_over_its_impressions(directory, tool: Tool):
    log = tool("trainer", *arguments(directory, "runner.print_interval=1", "runner.epochs=1")).err
    steps = [float(value) for value in re.findall(r"batch_id: \d+, loss: ([\d.]+)", log)]
    assert len(steps) == 10
    assert float(re.search(r"loss: ([\d.]+)", last(log)).group(1)) == pytest.approx(sum(steps) / 10, abs=2e-6)
    wide = tool("trainer", *arguments(directory, "runner.print_interval=4", "runner.epochs=1")).err
    means = [float(value) for value in re.findall(r"batch_id: \d+, loss: ([\d.]+)", wide)]
    assert means == pytest.approx([steps[0], sum(steps[1:5]) / 4, sum(steps[5:9]) / 4], abs=2e-6)
    assert re.findall(r"avg_samples: ([\d.]+)", wide) == ["20.00000"] * 3


def test_item_12_files_in_order_old_epochs_thinned_predictions_written(directory, tool: Tool):
    train = directory / "data" / "train"
    lines = (train / "a.txt").read_text().splitlines(keepends=True)
    clean = tool("trainer", *arguments(directory)).err
    (train / "a.txt").unlink()
    for name, part in (("c", lines[140:]), ("a", lines[:60]), ("b", lines[60:140])):
        (train / name).write_text("".join(part))
    assert last(tool("trainer", *arguments(directory, "runner.keep_last=1")).err) == last(clean)
    assert {path.name for path in Path("output_model_rows_fm").iterdir()} == {"1", "history.jsonl"}
    options = ["runner.infer_checkpoint=latest", "runner.predict_save_path=p.csv"]
    model = directory / "dygraph_model.py"
    model.write_text(model.read_text().replace("metrics_list, None", 'metrics_list, {"p": pred}'))
    assert tool("infer", *arguments(directory, *options)).code == 0
    rows = Path("p.csv").read_text().splitlines()
    assert rows[0] == '"sample_id","p"'
    assert len(rows) == 101


def test_item_12_shuffling_where_it_is_asked_for(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_index, in_a_row = HERE / "map_style_wide", HERE / "rows_fm"
    logs = [tool("trainer", *arguments(by_index, f"runner.shuffle={s}")).err for s in ("null", "false", "true", "true")]
    assert last(logs[0]) == last(logs[1]) != last(logs[2]) == last(logs[3])
    outcome = tool("trainer", *arguments(in_a_row, "runner.shuffle=true"))
    assert "criteo_like_reader.py is an iterable data set, which has one order only" in outcome.err


def test_item_13_the_bundled_demo_tests_on_other_rows_and_reads_each_rows_first_feature():
    data = ROOT / "models" / "multitask" / "esmm" / "data"
    train, test = ((data / part / "part-0.txt").read_text().splitlines() for part in ("train", "test"))
    assert not set(train) & set(test)
    config = load(ROOT / "models" / "multitask" / "esmm" / "config.yaml")
    reader = TextReader([str(data / "test" / "part-0.txt")], config)
    (batch,) = reader.batches(ReadPlan(batch_size=len(test), training=False))
    assert sum(len(bags.positions) for bags in batch.bags) == sum(line.count(":") for line in test)
