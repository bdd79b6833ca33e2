"""Model directories written for PaddleRec's static mode and the old IR, as PIR programs: unmodified, in both tools."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import paddle
import pyarrow.parquet
import pytest
from sklearn.metrics import roc_auc_score

from rec.config.config import load
from rec.errors import UserError
from rec.loading import ModelDirectory
from rec.pir.names import results_by_name
from rec.pir.old_api import old_static_api
from rec.pir.program import build
from support import Tool, write_lines

DIRECTORIES = sorted((Path(__file__).parent / "directories").glob("static_*"))
SHOWN = {
    "auc_states": (["cost", "auc", "batch_auc", "positives"], ["auc"]),
    "whole_batches": (["loss", "auc"], ["auc"]),
    "two_tasks": (["cost", "auc_ctr", "auc_ctcvr"], ["auc_ctr", "auc_ctcvr"]),
    "regression": (["mse", "rate", "steps"], ["mae", "mse"]),
    "built_twice": (["cost", "auc", "seen"], ["auc"]),
    "lazy_mode": (["cost", "auc", "percent"], ["auc", "percent"]),
    "sequence": (["cost"], ["mean_probability"]),
    "inference": (["cost", "auc"], ["auc"]),
}


def impressions(count: int, seed: int) -> list[str]:
    """Lines `click buy price user item tag ...`: an item is clicked often or seldom, a user pays much or little."""
    random = np.random.default_rng(seed)
    lines = []
    for _ in range(count):
        user, item = random.integers(1, 20), random.integers(20, 40)
        tags = random.integers(40, 60, size=random.integers(1, 4))
        click = int(random.random() < (0.7 if item < 30 else 0.2))
        buy = int(click and random.random() < (0.6 if user < 10 else 0.2))
        price = (2.0 if user < 10 else 0.5) + random.normal(0, 0.2)
        lines.append(" ".join(map(str, [click, buy, f"{price:.3f}", user, item, *tags])))
    return lines


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Copies a directory beside data for it; returns the command line."""

    def copy(name: str) -> list[str]:
        folder = tmp_path / name
        shutil.copytree(Path(__file__).parent / "directories" / f"static_{name}", folder)
        write_lines(folder / "data" / "train", impressions(400, seed=1))
        write_lines(folder / "data" / "test", impressions(130, seed=2))  # three batches of 40, and a tail
        monkeypatch.chdir(tmp_path)
        return ["-m", str(folder / "config.yaml"), "-o", "runner.seed=3", "runner.save_format=safetensors"]

    return copy


def done(log: str) -> list[dict[str, str]]:
    """The figures of each epoch's last line."""
    lines = [line.split(" done, ")[1] for line in log.splitlines() if " done, " in line]
    return [dict(re.findall(r"(\w+): ([^,]+), ", line)) for line in lines]


def succeed(tool: Tool, name: str, *arguments: object) -> str:
    outcome = tool(name, *arguments)
    assert outcome.code == 0, outcome.err
    return outcome.err


@pytest.mark.parametrize("name", [path.name.removeprefix("static_") for path in DIRECTORIES])
def test_a_directory_trains_and_evaluates(name, place, tool: Tool):
    arguments = place(name)
    trained = done(succeed(tool, "static_trainer", *arguments))
    in_training, in_evaluation = SHOWN[name]
    assert set(trained[0]) == {"loss", *in_training}
    assert len(trained) == 3
    assert float(trained[2][in_training[0]]) < float(trained[0][in_training[0]])
    assert len(list(Path("output_model/2").glob("rec_static.*"))) == 2

    evaluated = done(succeed(tool, "static_infer", *arguments))
    assert len(evaluated) == 3
    assert set(evaluated[0]) == set(in_evaluation)
    for figure in in_evaluation:
        assert np.isfinite(float(evaluated[2][figure]))
    if "auc" in in_evaluation:
        assert float(evaluated[2]["auc"]) > 0.65
    metrics = json.loads(Path("output_model/2/metrics.json").read_text())
    assert metrics["impressions"] == 130


def test_the_auc_runs_over_the_epoch_and_is_exact(place, tool: Tool):
    arguments = [*place("auc_states"), "runner.print_interval=1"]
    log = succeed(tool, "static_trainer", *arguments)
    steps = re.findall(r"batch_id: (\d+), .*batch_auc: ([\d.]+), .* auc: ([\d.]+),", log)
    for batch, of_batch, running in steps:
        # The operator's histograms have 4097 bins, the running AUC has none.
        if batch == "0":
            assert float(running) == pytest.approx(float(of_batch), abs=2e-3)
    assert sum(abs(float(of_batch) - float(running)) > 0.01 for _, of_batch, running in steps) > 15
    last = [running for _, _, running in steps][9::10]
    assert last == [epoch["auc"] for epoch in done(log)]

    log = succeed(tool, "static_infer", *arguments, "runner.predict_save_path=p.parquet")
    table = pyarrow.parquet.read_table("p.parquet")
    label, predicted = table["label"].to_numpy(), table["predict"].to_numpy()
    assert len(label) == 130
    assert table["auc_prediction"].to_pylist() == predicted.tolist()
    assert table["auc_label"].to_pylist() == label.tolist()
    expected = roc_auc_score(label, predicted)
    assert json.loads(Path("output_model/2/metrics.json").read_text())["auc"] == pytest.approx(expected, abs=1e-12)
    assert float(done(log)[2]["auc"]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["built_twice", "lazy_mode", "sequence"])
def test_it_resumes_bit_for_bit_and_validates(name, place, tool: Tool):
    arguments = place(name)
    assert tool("static_trainer", *arguments, "runner.model_save_path=whole").code == 0
    validated = [*arguments, "runner.valid_data_dir=data/test"]
    log = succeed(tool, "static_trainer", *validated, "runner.epochs=1")
    succeed(tool, "static_trainer", *validated, "runner.resume=true")
    for file in ("rec_static.safetensors", "rec_static.opt.safetensors"):
        assert (Path("whole/2") / file).read_bytes() == (Path("output_model/2") / file).read_bytes()
    # The validation of epoch 0 is what static_infer finds with its checkpoint.
    of_training, of_validation = done(log)
    assert "cost" in of_training
    evaluated = done(succeed(tool, "static_infer", *arguments, "runner.infer_end_epoch=1"))
    assert evaluated == [of_validation]


def test_paddles_own_checkpoint_files_are_read(place, tool: Tool):
    arguments = [*place("auc_states"), "runner.epochs=1", "runner.infer_end_epoch=1"]
    assert tool("static_trainer", *arguments).code == 0
    expected = done(succeed(tool, "static_infer", *arguments))
    folder = Path("theirs/0")
    folder.mkdir(parents=True)
    config = load(Path(arguments[1]))
    model = ModelDirectory(config.model_dir).load("static_model", "StaticModel")(config)
    paddle.enable_static()
    built = build(model, config, is_infer=False)
    with paddle.static.scope_guard(paddle.static.Scope()):
        executor = paddle.static.Executor()
        executor.run(built.startup)
        from safetensors.numpy import load_file

        for name, value in load_file("output_model/0/rec_static.safetensors").items():
            paddle.static.global_scope().find_var(name).get_tensor().set(value, paddle.CPUPlace())
        paddle.static.save(built.program, str(folder / "rec_static"))
    assert done(succeed(tool, "static_infer", *arguments, "runner.infer_load_path=theirs")) == expected
    warm = ["runner.model_init_path=theirs/0", "runner.model_save_path=warm"]
    again = done(succeed(tool, "static_trainer", *arguments, *warm))
    scratch = done(succeed(tool, "static_trainer", *arguments))
    assert float(again[0]["cost"]) < float(scratch[0]["cost"])


def test_a_dry_run_scores_the_first_batch(place, tool: Tool):
    outcome = tool("static_trainer", *place("whole_batches"), "--dry-run")
    assert outcome.code == 0, outcome.err
    # embedding 60 x 1, and a layer of one weight and one bias
    assert re.search(r"total\s+│\s+62 ", outcome.out)
    assert re.search(r"auc_prediction: mean 0.\d+, from 0.\d+ to 0.\d+", outcome.out)
    assert not Path("output_model").exists()


@pytest.mark.parametrize(
    ("name", "wrong", "parts"),
    [
        ("auc_states", "1 0 1.0 61 20 40", ["feed C1", "id 61 in row", "SparseFeatFactors has 60 rows", "0 to 59"]),
        ("auc_states", "1 0 1.0 -1 20 40", ["feed C1", "id -1 in row"]),
        ("built_twice", "1 0 1.0 5 60 40", ["feed item", "id 60", "shared_emb has 60 rows"]),  # a padded embedding
        ("lazy_mode", "1 0 1.0 5 20 40 99", ["feed slot_3", "id 99"]),  # joined to others before the lookup
    ],
)
def test_an_id_out_of_range_is_named(name, wrong, parts, place, tool: Tool):
    arguments = place(name)
    lines = [*impressions(50, seed=5), wrong, *impressions(29, seed=6)]
    write_lines(Path(name) / "data" / "train", lines)
    outcome = tool("static_trainer", *arguments)
    assert outcome.code == 2
    for part in parts:
        assert part in outcome.err.splitlines()[-1]


def edit(name: str, file: str, old: str, new: str) -> None:
    path = Path(name) / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "parts"),
    [
        ("lazy_mode", "static_model.py", ") % 50)", ") % 60)", ["an id that the model computes: id 5", "has 50 rows"]),
        ("auc_states", "slot_reader.py", "(click, user, item)", "(click, user)", ["2 arrays", "3 (label, C1, C2)"]),
        (
            "auc_states",
            "slot_reader.py",
            "[int(value)]",
            "[int(value)] * 2",
            ["feed label (array 0 of the reader)", "[-1, 1]"],
        ),
        ("auc_states", "slot_reader.py", '"int64"', '"float32"', ["expected int64, got float32"]),
        ("auc_states", "static_model.py", "self._cost = avg_cost", "pass", ["net() should set self._cost"]),
        (
            "sequence",
            "net.py",
            "mean = paddle.sum(vectors, axis=1)",
            "mean = paddle.static.nn.sequence_pool(vectors, 'sum')",
            ["net.py:", "sequence_pool does not work on Paddle 3.3.1: use padded sequences and a mask"],
        ),
        ("regression", "static_model.py", "predicted, price)", "predicted, wrong)", ["static_model.py:", "NameError"]),
        (
            "two_tasks",
            "static_model.py",
            "self.sync_mode = config",
            "self.mode = konfig",
            ["static_model.py:", "konfig"],
        ),
        ("regression", "static_model.py", '[None, 1], dtype="f', '[None, 7], dtype="f', ["feed price", "got [40, 1]"]),
    ],
)
def test_what_a_model_or_reader_gets_wrong_is_named(name, file, old, new, parts, place, tool: Tool):
    arguments = place(name)
    edit(name, file, old, new)
    outcome = tool("static_trainer", *arguments)
    assert outcome.code == 2
    last = outcome.err.splitlines()[-1]
    assert last.startswith("error: ")
    for part in parts:
        assert part in last


BY_NAME = """

def by_name(row):
    user, dense, price = row
    return {"price": price, "more": user, "dense": dense, "user": user}
"""


@pytest.mark.parametrize(
    "changes",
    [
        # What the model declares as [-1, 1] comes as [B]; and the other way round.
        [("price_reader.py", "np.array([float(price)])", "np.float64(price)")],
        [
            ("static_model.py", 'name="price", shape=[None, 1]', 'name="price", shape=[None]'),
            (
                "static_model.py",
                "dense, price = inputs",
                "dense, price = [*inputs[:2], paddle.unsqueeze(inputs[2], 1)]",
            ),
        ],
        # Arrays by the feeds' names, in an order of their own, and one more.
        [
            ("price_reader.py", "yield [", "yield by_name(["),
            ("price_reader.py", "                    ]\n", "                    ])\n" + BY_NAME),
        ],
    ],
    ids=["row", "column", "names"],
)
def test_arrays_that_fit_but_for_a_one_or_come_by_name(changes, place, tool: Tool):
    arguments = place("regression")
    plain = tool("static_trainer", *arguments).err
    for change in changes:
        edit("regression", *change)
    outcome = tool("static_trainer", *arguments)
    assert outcome.code == 0, outcome.err
    found, expected = (re.findall(r"loss: ([\d.]+)", log) for log in (outcome.err, plain))
    assert len(found) > 5
    assert found == expected


def test_an_array_that_no_name_has_is_told(place, tool: Tool):
    arguments = place("regression")
    edit("regression", "price_reader.py", "yield [", "yield dict(zip(('user', 'dense', 'cost'), [")
    edit("regression", "price_reader.py", "                    ]", "                    ]))")
    outcome = tool("static_trainer", *arguments)
    assert outcome.code == 2
    assert "error: the reader yields user, dense, cost, but create_feeds asks for price" in outcome.err


def test_paddle_is_as_it_was_afterwards_also_after_a_failure(place):
    arguments = place("lazy_mode")
    config = load(Path(arguments[1]))
    model = ModelDirectory(config.model_dir).load("static_model", "StaticModel")(config)
    import static_model

    paddle.enable_static()
    functions = (
        paddle.static.auc,
        paddle.nn.functional.embedding,
        paddle.static.nn.embedding,
        paddle.static.nn.batch_norm,
    )
    try:
        build(model, config, is_infer=False)
        model.infer_net = None
        with pytest.raises(UserError, match="could not be built"):
            build(model, config, is_infer=True)
        with old_static_api(config.model_dir):
            assert paddle.static.auc is not functions[0]
            assert static_model.running_auc is paddle.static.auc
    finally:
        paddle.disable_static()
    assert functions == (
        paddle.static.auc, paddle.nn.functional.embedding, paddle.static.nn.embedding, paddle.static.nn.batch_norm
    )  # fmt: skip
    assert static_model.running_auc is functions[0]


def test_old_names_lead_to_the_variables(place):
    arguments = place("built_twice")
    config = load(Path(arguments[1]))
    model = ModelDirectory(config.model_dir).load("static_model", "StaticModel")(config)
    paddle.enable_static()
    try:
        built = build(model, config, is_infer=True)
        names = ["user", "auc", "sigmoid_0.tmp_0", "linear_3.tmp_1", "linear_1.tmp_0", "tanh_1.tmp_0", "concat_1.tmp_0"]
        found = results_by_name(built, names)
        operators = [value.get_defining_op() for value in found]
        assert [operator.name().removeprefix("pd_op.") for operator in operators] == [
            "data", "divide", "sigmoid", "add", "matmul", "tanh", "concat",
        ]  # fmt: skip
        # The second tower's tanh, and its output layer: 8 -> 1.
        assert list(found[3].shape) == [-1, 1]
        assert found[3].get_defining_op().operands_source()[1].name == "linear_3.b_0"
        # The model's second concat, for all that counting the AUC added to the program.
        assert list(found[6].shape) == [-1, 2]
        with pytest.raises(
            UserError, match=r"has no sigmoid_1.tmp_0 \(did you mean sigmoid_0.tmp_0\?\); it has user, "
        ):
            results_by_name(built, ["sigmoid_1.tmp_0"])
    finally:
        paddle.disable_static()


def test_validation_within_an_epoch_and_early_stopping(tool: Tool, place):
    """Each program counts in metrics of its own, so an epoch's go on as if nothing had been validated."""
    options = place("two_tasks")
    options += ["runner.valid_data_dir=data/test", "runner.print_interval=1"]
    stop = ["runner.valid_steps=2", "runner.early_stop={metric: auc_ctr, patience: 4}"]
    plain, stopped = (tool("static_trainer", *options, *more) for more in ([], stop))
    assert (plain.code, stopped.code) == (0, 0), stopped.err
    said = trained(stopped.err)
    assert len(said) > 3
    assert said == trained(plain.err)[: len(said)]
    assert re.search(r"the best checkpoint: \S+ \(auc_ctr 0\.\d+\)", stopped.err)


def trained(log: str) -> list[str]:
    """What the steps of a training came to, line by line."""
    lines = [line.split(" - INFO - ")[1] for line in log.splitlines() if " - INFO - epoch: " in line]
    return [line.split("avg_reader")[0] for line in lines if "batch_id" in line]
