"""What PaddleRec's settings do in dynamic graph, on directories in its style."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import paddle
import pyarrow.parquet as pq
import pytest

from rec.processor import mkl_cpu_type
from support import Outcome, Tool, alone

HERE = Path(__file__).parent / "directories"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def arguments(name: str, *options: str) -> list[object]:
    return ["-m", HERE / name / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1", *options]


def refused(outcome: Outcome, message: str) -> None:
    assert outcome.code == 2, outcome.err
    assert re.search(message, outcome.err.strip().splitlines()[-1])
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("name", ["embedding.weight", "SparseFeatFactors"])
@pytest.mark.parametrize("file", ["vectors.txt", "vectors.npy"])
def test_a_trained_embedding_goes_to_a_file(tool: Tool, name, file):
    options = ["runner.use_out_vec=true", f"runner.emb_weight_name={name}", f"runner.out_vec_path=out/{file}"]
    outcome = tool("trainer", *arguments("rows_fm", *options))
    assert outcome.code == 0, outcome.err
    trained = np.asarray(paddle.load("output_model_rows_fm/0/rec.pdparams")["embedding.weight"])
    if file.endswith("npy"):
        assert (np.load(f"out/{file}") == trained).all()
    else:
        table = np.loadtxt(f"out/{file}")
        assert table[:, 0].tolist() == list(range(40))
        assert (table[:, 1:].astype("float32") == trained).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["runner.out_vec_path=x"], "runner.emb_weight_name is missing"),
        (["runner.emb_weight_name=SparseFeatFactors"], "runner.out_vec_path is missing"),
        (["runner.emb_weight_name=SparseFeatFactor", "runner.out_vec_path=x"], "did you mean SparseFeatFactors"),
        (["runner.emb_weight_name=embedding.weight", "runner.out_vec_path=."], "is a directory"),
    ],
)
def test_an_embedding_that_cannot_be_written_is_told_before_training(tool: Tool, options, message):
    refused(tool("trainer", *arguments("rows_fm", "runner.use_out_vec=true", *options)), message)
    assert not Path("output_model_rows_fm").exists()


def test_use_save_data_keeps_what_infer_computes(tool: Tool):
    assert tool("trainer", *arguments("whole_batches_ncf")).code == 0
    outcome = tool("infer", *arguments("whole_batches_ncf", "runner.use_save_data=true"))
    assert outcome.code == 0, outcome.err
    table = pq.read_table("output_model_whole_batches_ncf/0/predictions.parquet")
    assert table.column_names == ["sample_id", "prediction"]
    assert table["sample_id"].to_pylist() == list(range(300))  # 100 positives, each with two drawn items


def test_last_epoch_without_a_checkpoint_or_of_a_wrong_type(tool: Tool):
    refused(
        tool("trainer", *arguments("rows_fm", "last_epoch=0", "runner.epochs=2")), "output_model_rows_fm/0: no such"
    )
    refused(tool("trainer", *arguments("rows_fm", "last_epoch=one")), "last_epoch should be the number of a trained")


def test_paddles_own_checkpoints_are_read(tool: Tool):
    """A checkpoint as PaddleRec saves it: names of variables in the optimizer's state, no state.json."""
    assert tool("trainer", *arguments("rows_fm")).code == 0
    weights = paddle.load("output_model_rows_fm/0/rec.pdparams")
    Path("theirs/0").mkdir(parents=True)
    paddle.save(weights, "theirs/0/rec.pdparams")
    refused(tool("infer", *arguments("three_metrics", "runner.infer_load_path=theirs")), "do not fit this model")
    both = [
        tool("infer", *arguments("rows_fm", f"runner.infer_load_path={p}")) for p in ("theirs", "output_model_rows_fm")
    ]
    figures = [re.findall(r"done, (auc: [\d.]+)", outcome.err) for outcome in both]
    assert figures[0]
    assert figures[0] == figures[1]


def test_a_gpu_that_is_not_there_is_said_and_done_without(tool: Tool):
    if paddle.is_compiled_with_cuda():
        pytest.skip("this Paddle has a GPU")
    outcome = tool("trainer", *arguments("rows_fm", "runner.use_gpu=True"))
    assert outcome.code == 0, outcome.err
    assert "this Paddle finds no GPU: computing on the CPU" in outcome.err


def test_in_memory_and_queue_read_the_same_rows_in_another_order(tool: Tool):
    outcomes = [
        tool("trainer", *arguments("piped", f"runner.reader_type={kind}", f"runner.model_save_path={kind}"))
        for kind in ("QueueDataset", "InmemoryDataset", "InmemoryDataset")
    ]
    queue, memory, again = (re.search(r"done, loss: ([\d.]+)", outcome.err).group(1) for outcome in outcomes)
    assert memory == again
    assert memory != queue
    assert float(memory) == pytest.approx(float(queue), rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["runner.pipe_command=null"], "runner.pipe_command is missing: QueueDataset reads"),
        (["runner.train_batch_size=null"], "runner.train_batch_size is missing"),
        (["runner.pipe_command=exit 7"], "part-0 | exit 7: failed with exit code 7"),
        (["runner.reader_type=Queue"], "runner.reader_type should be 'DataLoader', 'RecDataset'.*got 'Queue'"),
    ],
)
def test_a_pipe_that_does_not_work(tool: Tool, options, message):
    refused(tool("trainer", *arguments("piped", *options)), message)


def test_a_pipe_of_paddle_batches_in_reader_processes(tool: Tool):
    logs = [tool("trainer", *arguments("piped", f"runner.num_workers={n}")).err for n in (0, 2)]
    figures = [re.search(r"done, (loss: [\d.]+, auc: [\d.]+)", log).group(1) for log in logs]
    assert figures[0] == figures[1]


def test_what_the_model_raises_is_one_line_with_its_place(tool: Tool, tmp_path):
    folder = tmp_path / "fm"
    shutil.copytree(HERE / "rows_fm", folder)
    text = (folder / "net.py").read_text().replace("return F.sigmoid(first", "return F.sigmoid(first[:, :, 0]")
    (folder / "net.py").write_text(text)
    line = next(n for n, content in enumerate(text.splitlines(), 1) if "first[:, :, 0]" in content)
    refused(tool("trainer", "-m", folder / "config.yaml"), rf"fm/net.py:{line}: .*\(training, epoch 0, batch 0\)$")


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        ("infer", "def infer_forward", "def other", "DygraphModel has no infer_forward; the contract is infer_forward"),
        ("trainer", "return loss, metrics_list,", "return loss,", "train_forward returned 2 values; the contract is "),
        ("trainer", "return loss, metrics_list, {", "return loss, {}, 1, {", "train_forward returned 4 values"),
        ("infer", "return metrics_list, None", "return metrics_list", "infer_forward returned 1 values; the contract"),
        ("infer", "return metrics_list, None", "return None", "infer_forward returned NoneType; the contract is "),
        (
            "infer",
            "return metrics_list, None",
            "return metrics_list, 1",
            "infer_forward returned int last; the contract",
        ),
    ],
)
def test_a_model_outside_the_contract_is_told_its_form(tool: Tool, tmp_path, name, old, new, found):
    folder = tmp_path / "fm"
    shutil.copytree(HERE / "rows_fm", folder)
    options = ["-m", folder / "config.yaml", "-o", "runner.epochs=1", "runner.infer_end_epoch=1"]
    assert tool("trainer", *options).code == 0
    model = folder / "dygraph_model.py"
    assert old in model.read_text()
    model.write_text(model.read_text().replace(old, new))
    refused(tool(name, *options, "runner.overwrite=true"), found)


@pytest.mark.skipif(mkl_cpu_type() is None, reason="no processor of AMD, or one without AVX2")
def test_mkl_on_amd_gives_the_same_results(monkeypatch):
    """Without the variable or with the user's own: the losses are alike, and the log says what is on."""
    logs = {}
    for own, option in ((None, "true"), (None, "false"), ("5", "true")):
        if own:
            monkeypatch.setenv("MKL_DEBUG_CPU_TYPE", own)
        else:
            monkeypatch.delenv("MKL_DEBUG_CPU_TYPE", raising=False)
        outcome = alone("trainer", *arguments("map_style_wide", f"runner.mkl_on_amd={option}", "runner.overwrite=true"))
        assert outcome.code == 0, outcome.err
        logs[own, option] = outcome.err
    said = {key: "MKL_DEBUG_CPU_TYPE=" in log for key, log in logs.items()}
    assert said == {(None, "true"): True, (None, "false"): False, ("5", "true"): False}
    losses = [[float(x) for x in re.findall(r"loss: ([\d.]+)", log)] for log in logs.values()]
    assert len(losses[0]) > 3
    for found in losses[1:]:
        assert found == pytest.approx(losses[0], abs=1e-4)


def test_the_seed_decides_what_a_directory_draws_with_numpy(tool: Tool):
    logs = [tool("trainer", *arguments("whole_batches_ncf", f"runner.seed={seed}")).err for seed in (1, 1, 2)]
    losses = [re.search(r"done, loss: ([\d.]+)", log).group(1) for log in logs]
    assert losses[0] == losses[1] != losses[2]


def test_the_best_epoch_by_a_directorys_own_metric(tool: Tool):
    data = HERE / "regression_rating" / "data" / "test"
    options = [f"runner.valid_data_dir={data}", "runner.epochs=3", "runner.keep_last=1"]
    outcome = tool("trainer", *arguments("rows_fm", *options, "runner.best_metric=auk"))
    refused(outcome, r"auk is not measured \(did you mean auc\?\); one of auc")
    options[0] = f"runner.valid_data_dir={HERE / 'rows_fm' / 'data' / 'test'}"
    assert tool("trainer", *arguments("rows_fm", *options, "runner.best_metric=auc")).code == 0
    manifests = [json.loads(p.read_text()) for p in Path("output_model_rows_fm").glob("*/state.json")]
    assert all(0.5 < m["metrics"]["auc"] < 1 for m in manifests)
    outcome = tool("infer", *arguments("rows_fm", "runner.infer_checkpoint=best", "runner.best_metric=auc"))
    assert outcome.code == 0, outcome.err


def test_validation_within_an_epoch_and_early_stopping(tool: Tool):
    """What the epoch's own metrics counted before a validation they go on from."""
    data = HERE / "rows_fm" / "data" / "test"
    options = [f"runner.valid_data_dir={data}", "runner.epochs=4", "runner.print_interval=1"]
    stop = ["runner.valid_steps=1", "runner.early_stop={metric: auc, patience: 3}"]
    plain, stopped = (tool("trainer", *arguments("rows_fm", *options, *more)) for more in ([], stop))
    assert (plain.code, stopped.code) == (0, 0), stopped.err
    said = trained(stopped.err)
    assert len(said) > 3
    assert said == trained(plain.err)[: len(said)]
    assert re.search(r"the best checkpoint: \S+ \(auc 0\.\d+\)", stopped.err)


def trained(log: str) -> list[str]:
    """What the steps of a training came to, line by line."""
    lines = [line.split(" - INFO - ")[1] for line in log.splitlines() if " - INFO - epoch: " in line]
    return [line.split("avg_reader")[0] for line in lines if "batch_id" in line]


def test_validation_with_a_config_for_training_alone(tool: Tool, tmp_path):
    shutil.copytree(HERE / "rows_fm", tmp_path / "fm")
    config = tmp_path / "fm" / "config.yaml"
    config.write_text(re.sub(r"  infer_\w+: .*\n", "", config.read_text()))
    outcome = tool("trainer", "-m", config, "-o", "runner.epochs=1", "runner.valid_data_dir=data/test")
    assert outcome.code == 0, outcome.err
    assert re.search(r"validation, epoch: 0 done, auc: 0\.\d+", outcome.err)
