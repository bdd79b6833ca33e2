"""Labels that are empty or contradict each other, through the tools, in both graph modes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support import ROOT, Tool, write_lines

MODELS = ROOT / "models" / "multitask"
MODES = pytest.mark.parametrize("prefix", ["", "static_"])
HALVES = "{click: , like: }"
CHAIN = "{view: , order: {after: view}}"


def table(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Views by item, orders after views by user, likes by item."""
    random = np.random.default_rng(seed)
    user, item = random.integers(0, 10, rows), random.integers(0, 10, rows)
    view = random.random(rows) < 0.1 + 0.08 * item
    order = view & (random.random(rows) < 0.2 + 0.06 * user)
    like = random.random(rows) < 0.9 - 0.08 * item
    numbers = {"view": view, "order": order, "like": like, "click": view, "conversion": order}
    return pd.DataFrame({"user": user, "item": item, **{name: label.astype(float) for name, label in numbers.items()}})


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Writes a table to train and test on, and gives the arguments for MMoE, or another directory, under behaviours."""
    monkeypatch.chdir(tmp_path)

    def make(frame: pd.DataFrame, behaviours: str, *options: str, directory: str = "mmoe") -> list[str]:
        for part in ("train", "test"):
            (tmp_path / part).mkdir(exist_ok=True)
            frame.to_csv(tmp_path / part / "t.csv", index=False)
        labels = ", ".join(f"{name}: {name}" for name in frame.columns if name not in ("user", "item", "w", "seconds"))
        numbers = ", ".join(f"{name}: {name}" for name in frame.columns if name in ("w", "seconds"))
        settings = {
            "runner.train_data_dir": tmp_path / "train",
            "runner.test_data_dir": tmp_path / "test",
            "runner.train_batch_size": 50,
            "runner.epochs": 2,
            "runner.infer_end_epoch": 2,
            "runner.print_interval": 100,
            "runner.model_save_path": "out",
            "runner.infer_load_path": "out",
            "data.labels": f"{{{labels}}}",
            "data.numbers": f"{{{numbers}}}",
            "data.fields": "{user: , item: }",
            "hyper_parameters.sparse_feature_number": "null",
            "hyper_parameters.optimizer.learning_rate": 0.02,
        }
        if directory == "esmm":
            settings |= {"runner.train_reader_path": "table_reader", "runner.infer_reader_path": "table_reader"}
        else:
            settings |= {"hyper_parameters.behaviours": behaviours}
        texts = [f"{key}={value}" for key, value in settings.items()]
        return ["-m", str(MODELS / directory / "config.yaml"), "-o", *texts, *options]

    return make


def metrics() -> dict:
    return json.loads(Path("out/1/metrics.json").read_text())["tasks"]


def warnings(log: str) -> list[str]:
    return [line.partition(" - WARNING - ")[2] for line in log.splitlines() if " - WARNING - " in line]


@MODES
def test_each_half_of_the_rows_trains_and_judges_its_own_task(tool: Tool, arguments, prefix):
    frame = table()
    frame.loc[:299, "like"] = np.nan
    frame.loc[300:, "click"] = np.nan
    options = arguments(frame, HALVES)
    outcome = tool(f"{prefix}trainer", *options)
    assert outcome.code == 0, outcome.err
    said = warnings(outcome.err)
    assert f"{Path('train').resolve()}: 300 impressions with an empty like (of 600 impressions): not in its" in said[1]
    assert len(said) == 2
    outcome = tool(f"{prefix}infer", *options)
    assert outcome.code == 0, outcome.err
    for task, label, rows in (("ctr", "click", slice(0, 299)), ("like", "like", slice(300, 599))):
        assert metrics()[task]["n"] == 300
        assert metrics()[task]["observed"] == frame.loc[rows, label].mean()
        assert metrics()[task]["auc"] > 0.6


@MODES
def test_the_losses_of_an_epoch_are_means_of_the_rows_that_tell_their_label(tool: Tool, arguments, prefix):
    """In input order: six batches know clicks, the other six likes. With no learning each loss is log 2."""
    frame = table()
    frame.loc[:299, "like"] = np.nan
    frame.loc[300:, "click"] = np.nan
    still = ["runner.shuffle=false", "runner.epochs=1", "hyper_parameters.optimizer.learning_rate=0.0"]
    outcome = tool(f"{prefix}trainer", *arguments(frame, HALVES, *still))
    assert outcome.code == 0, outcome.err
    (line,) = [line for line in outcome.err.splitlines() if "epoch: 0 done, " in line]
    losses = dict(re.findall(r"(loss\w*): ([\d.]+)", line))
    assert float(losses["loss_ctr"]) == pytest.approx(np.log(2), abs=0.02)
    assert float(losses["loss_like"]) == pytest.approx(np.log(2), abs=0.02)


@MODES
def test_a_task_without_a_label_is_named_once(tool: Tool, arguments, prefix):
    outcome = tool(f"{prefix}trainer", *arguments(table().assign(like=np.nan), HALVES))
    assert outcome.code == 0, outcome.err
    named = [line for line in warnings(outcome.err) if "is not trained" in line]
    assert named == [f"{Path('train').resolve()}: like is not trained: no usable row tells like"]


@MODES
@pytest.mark.parametrize("why", ["empty", "contradicting"])
def test_nothing_to_train_on_is_an_error(tool: Tool, arguments, prefix, why):
    behaviours = HALVES if why == "empty" else CHAIN
    frame = table().assign(click=np.nan, like=np.nan, view=0.0, order=1.0)
    outcome = tool(f"{prefix}trainer", *arguments(frame, behaviours))
    assert outcome.code == 2
    last = outcome.err.strip().splitlines()[-1]
    names = ("click", "like") if why == "empty" else ("view", "order")
    reason = "; ".join(f"no usable row tells {name}" for name in names)
    assert f"{Path('train').resolve()}: nothing to train on: {reason}" in last
    assert not list(Path("out").glob("*/state.json"))


@MODES
def test_contradictions_follow_the_declared_graph(tool: Tool, arguments, prefix):
    """150 orders without a view, whatever the labels are called."""
    frame = table()
    frame.loc[:149, "view"], frame.loc[:149, "order"] = 0.0, 1.0
    outcome = tool(f"{prefix}trainer", *arguments(frame, CHAIN, "runner.label_policy=fail"))
    assert outcome.code == 2
    assert "t.csv: row 1: order is 1 but view is 0 (runner.label_policy is fail)" in outcome.err
    options = arguments(frame, CHAIN)
    outcome = tool(f"{prefix}trainer", *options)
    assert outcome.code == 0, outcome.err
    assert [line.partition("train: ")[2] for line in warnings(outcome.err)] == [
        "150 impressions with order but no view (of 600 impressions): not trained on"
    ]
    outcome = tool(f"{prefix}infer", *options)
    assert "150 impressions with order but no view (of 600 impressions): predicted, but not counted" in outcome.err
    assert metrics()["view"]["n"] == 450


@MODES
@pytest.mark.parametrize("directory", ["esmm", "mmoe"])
def test_no_click_tells_that_there_was_no_conversion(tool: Tool, arguments, prefix, directory):
    """As logs have it that join conversions to clicks: without a click the conversion is empty."""
    frame = table()
    frame.loc[frame["click"] == 0, "conversion"] = np.nan
    options = arguments(frame, "{click: , conversion: {after: click}}", directory=directory)
    outcome = tool(f"{prefix}trainer", *options)
    assert outcome.code == 0, outcome.err
    assert warnings(outcome.err) == []
    assert tool(f"{prefix}infer", *options).code == 0
    assert metrics()["ctcvr"]["n"] == 600
    assert metrics()["ctcvr"]["observed"] == table()["conversion"].mean()
    assert metrics()["ctcvr"]["calibration"] == pytest.approx(1.0, abs=0.35)


@MODES
def test_conversions_that_are_empty_after_a_click_are_told(tool: Tool, arguments, prefix):
    frame = table()
    frame.loc[frame.index % 2 == 0, "conversion"] = np.nan
    clicked = int((frame["click"][::2] == 1).sum())
    outcome = tool(f"{prefix}trainer", *arguments(frame, "{click: , conversion: {after: click}}"))
    assert outcome.code == 0, outcome.err
    told = [line for line in warnings(outcome.err) if "with click but an empty conversion" in line]
    assert len(told) == 1
    assert f"{clicked} impressions with click but an empty conversion (of 600 impressions): " in told[0]
    assert "conversion comes out too low by their share of those with click" in told[0]


@MODES
def test_lines_with_empty_labels(tool: Tool, arguments, tmp_path, prefix):
    """`id,click,conversion,cart,...`: who has not clicked has no cart, and the last hundred lines tell nothing."""
    frame, lines = table(), []
    for row in frame.itertuples():
        click = "" if row.Index >= 500 else int(row.click)
        cart = int(row.order) if row.click and row.Index < 500 else ""
        lines.append(f"{row.Index},{click},,{cart},user:{row.user},item:{10 + row.item}")
    options = arguments(frame, "{click: , cart: {after: click}}")
    options = [text for text in options if not text.startswith(("data.", "hyper_parameters.sparse"))]
    for part, order in (("train", 1), ("test", -1)):  # the very file that was trained on is warned of
        write_lines(tmp_path / part, lines[::order])
        (tmp_path / part / "t.csv").unlink()
    options += ["hyper_parameters.fields=[user, item]", "hyper_parameters.sparse_feature_number=20"]
    for name in ("trainer", "infer"):
        outcome = tool(f"{prefix}{name}", *options)
        assert outcome.code == 0, outcome.err
        assert len(warnings(outcome.err)) == 2, outcome.err  # once, however many epochs are evaluated
    assert {task: values["n"] for task, values in metrics().items()} == {
        "ctr": 500,
        "cart": 500,
        "cart_given_click": int(frame["click"][:500].sum()),
    }


NOT_FINITE = """
    def compose(self, logits, on_host=False):
        outputs = super().compose(logits)
        if self.training:
            return outputs
        like = outputs["like"].logit
        nan = paddle.full_like(like, float("nan"))
        return {**outputs, "like": Probability(paddle.where(like > 0, nan, like))}
"""


@MODES
def test_predictions_that_are_not_finite_leave_their_own_task(tool: Tool, arguments, tmp_path, prefix):
    directory = tmp_path / "mmoe"
    directory.mkdir()
    (directory / "config.yaml").write_text(f"base: {MODELS / 'mmoe' / 'config.yaml'}\n")
    imports = "import paddle\n\nfrom rec.nn.multitask import MultiTask\nfrom rec.nn.probability import Probability\n"
    (directory / "net.py").write_text(f"{imports}\n\nclass Broken(MultiTask):\n{NOT_FINITE}")
    options = arguments(table(), HALVES)
    options[1] = str(directory / "config.yaml")
    assert tool(f"{prefix}trainer", *options).code == 0
    outcome = tool(f"{prefix}infer", *options, "runner.predict_save_path=p.csv")
    assert outcome.code == 0, outcome.err
    predictions = pd.read_csv("p.csv")
    finite = int(predictions["plike"].notna().sum())
    assert 0 < finite < 600
    assert metrics()["like"]["n"] == finite
    assert metrics()["ctr"]["n"] == 600
    told = [line for line in warnings(outcome.err) if "evaluation of 1" in line]
    assert told == [f"{600 - finite} predictions of like are not finite at evaluation of 1: left out of its metrics"]


@MODES
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("seconds", -5.0, "t.csv: row 8: label column seconds should be a finite number of at least 0, found -5"),
        ("w", np.nan, "t.csv: row 8: sample weight w is empty, but seconds is 3 there"),
    ],
)
def test_what_would_make_a_loss_not_finite_is_named(tool: Tool, arguments, prefix, column, value, message):
    frame = table().assign(seconds=3.0, w=1.0)
    frame.loc[7, column] = value
    behaviours = "{click: , seconds: {head: log_regression, sample_weight: w}}"
    outcome = tool(f"{prefix}trainer", *arguments(frame, behaviours))
    assert outcome.code == 2
    (line,) = outcome.err.strip().splitlines()
    assert line.endswith(message)


@MODES
def test_rows_that_are_only_scored_leave_what_was_measured(tool: Tool, arguments, prefix, tmp_path):
    frame = table()
    options = arguments(frame, CHAIN)
    assert tool(f"{prefix}trainer", *options).code == 0
    assert tool(f"{prefix}infer", *options).code == 0
    before = metrics()
    frame.drop(columns=["view", "order"]).to_csv(tmp_path / "new.csv", index=False)
    new = [f"runner.test_data_dir={tmp_path / 'new.csv'}"]
    outcome = tool(f"{prefix}infer", *options, *new, "runner.predict_save_path=scores.csv")
    assert outcome.code == 0, outcome.err
    assert "no row tells a label, so there is nothing to judge by, and no metrics.json is written\n" in outcome.err
    assert "AUC" not in outcome.out
    assert metrics() == before
    assert len(pd.read_csv("scores.csv")) == len(frame)
    said = tool(f"{prefix}infer", *options, *new).err
    assert "no metrics.json is written: runner.predict_save_path names a file for the predictions\n" in said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("data.min_count=0", "data.min_count: Input should be greater than 0, got 0"),
        ("data.fields=[user, item]", "(of fields {user: , item: }), got ['user', 'item']"),
    ],
)
def test_a_data_section_that_is_wrong_is_all_that_is_said(tool: Tool, arguments, wrong, said):
    """Of the fields that are attended over, too: the base file has others."""
    din = ["hyper_parameters.interaction={kind: din, attend: {item: user}}", wrong]
    outcome = tool("trainer", *arguments(table(), CHAIN, *din, directory="esmm_din"))
    assert outcome.code == 2
    assert outcome.err.endswith(f"{said}\n")
    assert "attend" not in outcome.err


def test_requests_are_numbered_for_a_loss_and_kept_as_they_are(tool: Tool, arguments):
    frame = table()
    frame["request_id"] = [f"r{row // 4}" for row in range(len(frame))]
    pairs = ["hyper_parameters.behaviours={click: {pairwise: 1.0}}", "data.keep=[request_id]"]
    options = arguments(frame, CHAIN, *pairs)
    trained = tool("trainer", *options)
    assert trained.code == 0, trained.err
    assert "loss_ctr_pairs" in trained.err
    assert tool("infer", *options, "runner.predict_save_path=p.csv").code == 0
    assert pd.read_csv("p.csv")["request_id"].tolist() == frame["request_id"].tolist()
