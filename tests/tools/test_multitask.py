"""Combinations by YAML alone, through the tools: both graph modes, resuming, and what is said of mistakes."""

import json
import re
from pathlib import Path

import pyarrow.parquet
import pytest
from safetensors.numpy import load_file

from support import ROOT, Tool, alone

MODELS = ROOT / "models" / "multitask"
STEP = re.compile(r"batch_id: \d+, loss: ([\d.]+), ")
ESM2 = "{click: , cart: {after: click, code: av}, other: {instead_of: cart}, conversion: {after: [cart, other]}}"
ESM2_OPTION = f"hyper_parameters.behaviours={ESM2}"
CART_REGRESSION = "{click: {pairwise: 0.5}, cart: {after: click}, watch_time: {head: log_regression, space: click}}"


def arguments(directory: str, *options: str) -> list:
    small = [
        "runner.epochs=1",
        "runner.infer_end_epoch=1",
        "runner.print_interval=8",
        "hyper_parameters.fields=[205, 301]",
    ]
    return ["-m", MODELS / directory / "config.yaml", "-o", *small, *options]


def losses(log: str) -> list[float]:
    return [float(value) for value in STEP.findall(log)]


@pytest.mark.parametrize(
    ("weighting", "behaviours"),
    [
        ("gradnorm", ESM2), ("pcgrad", ESM2), ("uncertainty", CART_REGRESSION), ("dwa, steps: 3", ESM2), ("mgda", ESM2),
        ("cagrad", ESM2), ("famo", ESM2),
    ],
)  # fmt: skip
def test_weightings_train_alike_in_both_modes(weighting, behaviours, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = [f"hyper_parameters.behaviours={behaviours}", f"hyper_parameters.weighting={{kind: {weighting}}}"]
    logs = []
    for name in ("trainer", "static_trainer"):
        outcome = tool(name, *arguments("mmoe", *options, f"runner.model_save_path={name}"))
        assert outcome.code == 0, outcome.err
        logs.append(losses(outcome.err))
    assert len(logs[0]) == 6
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)


@pytest.mark.parametrize(("least", "share"), [("0.9999", 1.0), ("1.0e-6", 0.0)])
def test_the_share_of_clipped_propensities_is_in_the_log_of_both_modes(least, share, tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["hyper_parameters.counterfactual=dr", f"hyper_parameters.propensity_min={least}"]
    for name in ("trainer", "static_trainer"):
        outcome = tool(name, *arguments("escm2", *options))
        assert outcome.code == 0, outcome.err
        shown = re.findall(r"(batch_id: \d+|done), loss: .*, loss_cvr_dr: .*, clipped_clicks: ([\d.]+), ", outcome.err)
        assert len(shown) == 7  # six intervals and the epoch
        assert {float(value) for _, value in shown} == {share}


@pytest.mark.parametrize("mode", ["", "static_"])
def test_a_price_below_0_ends_in_one_line(mode, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table").mkdir()
    rows = [f"u{i % 5},{i % 2},0,{-0.9 if i == 7 else ''}" for i in range(100)]
    (tmp_path / "table" / "t.csv").write_text("\n".join(["user,seen,sold,cost", *rows]) + "\n")
    data = "data={labels: {click: seen, conversion: sold}, numbers: {price: cost}, fields: {user: }}"
    outcome = tool(f"{mode}trainer", *arguments("mogujie", f"runner.train_data_dir={tmp_path / 'table'}", data))
    assert outcome.code == 2
    assert "t.csv: row 8: " in outcome.err.splitlines()[-1]
    assert outcome.err.splitlines()[-1].endswith("cost should be a finite number of at least 0, found -0.9")


def test_a_resumed_run_ends_with_the_same_weights(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = arguments("youtube", "hyper_parameters.fields=[205, 301, position_id]", "runner.epochs=2")
    assert tool("trainer", *whole, "runner.model_save_path=whole").code == 0
    half = [*whole, "runner.model_save_path=half", "runner.epochs=1"]
    assert tool("trainer", *half).code == 0
    outcome = tool("trainer", *half[:-1], "runner.resume=true")
    assert outcome.code == 0, outcome.err
    a, b = (load_file(Path(folder) / "1" / "rec.safetensors") for folder in ("whole", "half"))
    assert a.keys() == b.keys()
    assert all((a[name] == b[name]).all() for name in a)


def test_several_biases_train_alike_and_are_not_served(tool: Tool, tmp_path, monkeypatch):
    """A field of common rows and one of the impressions' own, on two behaviours, up to the exported model."""
    monkeypatch.chdir(tmp_path)
    options = arguments(
        "youtube", "hyper_parameters.fields=[109_14, 205, 301, position_id]",
        "hyper_parameters.bias_fields=[position_id, 109_14]", "hyper_parameters.biased_behaviours=[click, watch_time]",
    )  # fmt: skip
    logs = []
    for name in ("static_trainer", "trainer"):
        outcome = tool(name, *options)
        assert outcome.code == 0, outcome.err
        logs.append(losses(outcome.err))
    assert len(logs[0]) == 6
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)
    for run, name in ((tool, "infer"), (alone, "to_static"), (alone, "paddle_infer")):
        outcome = run(name, *options, f"runner.predict_save_path={name}.parquet")
        assert outcome.code == 0, outcome.err
    ours, exported = (pyarrow.parquet.read_table(f"{n}.parquet")["pctr"].to_pylist() for n in ("infer", "paddle_infer"))
    assert len(ours) == 1996
    assert exported == pytest.approx(ours, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new"), [("position_field=position_id", "bias_fields"), ("biased_tower=click", "biased_behaviours")]
)
def test_a_setting_s_old_name_is_refused_with_the_new_one(old, new, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = tool("trainer", *arguments("youtube", f"hyper_parameters.{old}"))
    assert outcome.code == 2
    assert f"hyper_parameters.{old.partition('=')[0]} is not used (did you mean {new}?)" in outcome.err.splitlines()[-1]


def test_numbers_are_measured_and_predicted(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = arguments("youtube", "hyper_parameters.fields=[205, 301, position_id]")
    assert tool("static_trainer", *options).code == 0
    outcome = tool("static_infer", *options, "runner.predict_save_path=p.parquet")
    assert outcome.code == 0, outcome.err
    assert "rank correlation" in outcome.out
    metrics = json.loads(Path("output_model_youtube/0/metrics.json").read_text())
    table = pyarrow.parquet.read_table("p.parquet").to_pandas()
    clicked = table[table["click"] == 1]
    found = metrics["tasks"]["watch_time"]
    assert found["n"] == len(clicked)
    assert found["mae"] == pytest.approx((clicked["pwatch_time"] - clicked["watch_time"]).abs().mean(), rel=1e-4)
    assert found["rank_correlation"] == pytest.approx(
        clicked["pwatch_time"].corr(clicked["watch_time"], method="spearman"), abs=1e-6
    )
    assert str(table["click"].dtype) == "int8"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("hyper_parameters.sharing={kind: mmo}", "hyper_parameters.sharing: kind should be one of none, "),
        ("hyper_parameters.sharing.num_experts=3", "num_experts is not a setting of mmoe (did you mean num_expert?)"),
        ("hyper_parameters.behaviours={conversion: {after: click}}", "conversion: click is not declared above it"),
        (
            "hyper_parameters.behaviours={click: , like: {aftr: click}}",
            "like.aftr is not a setting (did you mean after?)",
        ),
        (
            "hyper_parameters.weighting={kind: gradnorm, alpha: -1}",
            "gradnorm.alpha: should be greater than or equal to 0",
        ),
        ("hyper_parameters.behaviours={click: , share: {after: click}}", "expected click, conversion, share"),
    ],
)
def test_mistakes_end_in_one_line(option, message, tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = tool("trainer", *arguments("mmoe", option))
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


@pytest.mark.parametrize("mode", ["", "static_"])
@pytest.mark.parametrize(
    ("directory", "behaviours", "message"),
    [
        ("meitu", "{click: , conversion: {after: click, weight: 0}}", "behaviours.conversion.weight is 0, but"),
        ("escm2", "{click: {given: true}, conversion: {after: click}}", "behaviours: ESCM2 needs a click that is"),
        ("mogujie", "{click: , conversion: {after: click, space: click}}", "behaviours: the price weighs the loss of"),
        ("aitm", "{click: , conversion: {after: click}}", "behaviours: the calibrator needs a behaviour that implies"),
    ],
)
def test_graphs_that_a_network_cannot_train_end_in_one_line(
    mode, directory, behaviours, message, tool: Tool, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    outcome = tool(f"{mode}trainer", *arguments(directory, f"hyper_parameters.behaviours={behaviours}"))
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert f"error: hyper_parameters.{message}" in line


def test_a_dry_run_stops_at_a_loss_that_is_not_finite(tool: Tool, tmp_path, monkeypatch):
    """Weights whose sum is beyond float32."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table").mkdir()
    rows = [f"u{i % 5},{i % 2},3e38" for i in range(100)]
    (tmp_path / "table" / "t.csv").write_text("\n".join(["user,seen,w", *rows]) + "\n")
    options = [
        f"runner.train_data_dir={tmp_path / 'table'}",
        "data={labels: {click: seen}, numbers: {w: w}, fields: {user: }}",
        "hyper_parameters.behaviours={click: {sample_weight: w}}",
    ]
    for name in ("trainer", "static_trainer"):
        outcome = tool(name, *arguments("mmoe", *options), "--dry-run")
        assert outcome.code == 2
        assert "error: loss_ctr is not finite in the first step. " in outcome.err.splitlines()[-1]


def test_a_reader_of_ones_own_is_a_reader_of_ours(tool: Tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("class RecDataset:\n    def __init__(self, file_list, config): ...\n")
    outcome = tool("trainer", *arguments("mmoe", f"runner.train_reader_path={tmp_path / 'mine'}"))
    assert outcome.code == 2
    assert "mine.py: RecDataset is no rec.data.reader.Reader" in outcome.err
    outcome = tool("trainer", *arguments("mmoe", "runner.train_reader_path=absent"))
    assert outcome.code == 2
    assert "has no absent.py" in outcome.err
