"""tools/compare.py on tiny data: the rows of each run, resuming, a table of one's own, and mistakes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from rec.compare import command, fit, runner, runs
from rec.compare.plan import Plan
from rec.compare.propensity import HALVES
from rec.compare.rows import ChosenRows
from rec.compare.rules import digests
from rec.compare.store import RunStore
from rec.data.plan import ReadPlan
from rec.errors import UserError
from rec.hashing import uniform
from support import ESMM, ROOT, tiny_lines, write_lines

SYSTEMS = {
    "BASE": {"rows": "clicked"},
    "AMAN": {"rows": "aman", "rates": [0.2, 0.5]},
    "OVERSAMPLING": {"rows": "oversampling", "rates": [3]},
    "UNBIAS": {"rows": "unbias", "clip": 4},
    "DIVISION": {"division": True},
    "ESMM": {"model": "."},
}
RUNNER = {"train_batch_size": 32, "infer_batch_size": 64, "epochs": 2}
HYPER = {"fields": ["user", "item", "tags"], "sparse_feature_number": 60, "sparse_feature_dim": 4,
         "ctr_fc_sizes": [8], "cvr_fc_sizes": [8]}  # fmt: skip


def settings(tmp_path: Path, **compare) -> list[str]:
    """Overrides for ESMM's paper.yaml: 600 + 200 tiny lines, small nets."""
    if not (tmp_path / "train").exists():
        write_lines(tmp_path / "train", tiny_lines(600, seed=1))
        write_lines(tmp_path / "test", tiny_lines(200, seed=2))
    runner = {**RUNNER, "train_data_dir": str(tmp_path / "train"), "test_data_dir": str(tmp_path / "test")}
    compare = {"seeds": [1, 2], "shares": [1.0], "systems": SYSTEMS, "out": str(tmp_path / "out"), **compare}
    tree = {
        "runner": runner,
        "hyper_parameters": {**HYPER, "optimizer": {"class": "Adam", "learning_rate": 0.01}},
        "compare": compare,
    }
    return [f"{key}={json.dumps(section)}" for key, section in _leaves(tree)]


def _leaves(tree: dict) -> list:
    return [(f"{section}.{key}", value) for section, values in tree.items() for key, value in values.items()]


@pytest.fixture
def plan(tmp_path) -> Plan:
    return Plan.load(ESMM / "paper.yaml", settings(tmp_path))


def test_settings_that_a_comparison_passes_by_are_named(tmp_path, caplog):
    given = ["runner.warm_start=/nonexistent", "runner.drop_last=true", "runner.metrics=[auc]"]
    Plan.load(ESMM / "paper.yaml", [*settings(tmp_path), *given])
    for name in ("warm_start", "drop_last", "metrics"):
        assert f"runner.{name} has no effect in a comparison" in caplog.text


def contents(out: Path) -> dict[tuple, dict]:
    found = [json.loads(path.read_text()) for path in (out / "runs").glob("*.json")]
    return {(c["name"], c["seed"], c["rate"]): c for c in found}


def labels(tmp_path: Path) -> dict[str, np.ndarray]:
    table = np.array([line.split(",")[:3] for line in (tmp_path / "train/part-0.txt").read_text().splitlines()], int)
    return {"id": table[:, 0], "click": table[:, 1], "conversion": table[:, 2]}


def test_each_run_trains_on_the_rows_of_its_rule(plan, tmp_path):
    command.compare(plan, dry_run=False)
    known = labels(tmp_path)
    digest = digests(known["id"])
    kept = uniform(digest, 1) >= 0.1
    click, conversion = known["click"] == 1, known["conversion"] == 1
    done = contents(tmp_path / "out")
    for seed in (1, 2):
        u = uniform(digest, 3, seed)
        half = uniform(digest, 4, seed) >= 0.5
        expected = {
            ("CTR", None): kept.sum(),
            ("CTR on half 0", None): (kept & ~half).sum(),
            ("CTR on half 1", None): (kept & half).sum(),
            ("CTCVR", None): kept.sum(),
            ("ESMM", None): kept.sum(),
            ("BASE", None): (kept & click).sum(),
            ("OVERSAMPLING", 3.0): (kept & click).sum() + 2 * (kept & conversion).sum(),
        }
        expected |= {("AMAN", rate): (kept & (click | (u < rate))).sum() for rate in (0.2, 0.5)}
        for (name, rate), count in expected.items():
            if (name, seed, rate) in done:
                assert done[name, seed, rate]["impressions"] == 2 * count, (name, seed, rate)
        assert {name for name, s, _ in done if s == seed} == {*SYSTEMS, "CTR", "CTCVR", *HALVES}
    # UNBIAS: as many as p(x) / p(x | click) says, about the number of clicked rows where pCTR is calibrated.
    assert done["UNBIAS", 1, None]["impressions"] == pytest.approx(2 * (kept & click).sum(), rel=0.3)
    report = (tmp_path / "out" / "report.md").read_text()
    assert all(f"| {name} |" in report for name in SYSTEMS)
    assert (tmp_path / "out" / "report.html").is_file()
    for (name, _, _), content in done.items():
        if name not in ("CTR", "CTCVR", *HALVES):
            assert content["test_impressions"] == 200
            assert 0.4 < content["figures"]["cvr"] < 1


def test_a_run_cut_short_goes_on_and_repeats_nothing(plan, tmp_path, monkeypatch):
    original, trained = fit.train_epoch, []

    def counted(built, epoch, *others):
        trained.append(epoch)
        if trained == [0, 1, 0, 1, 0, 1, 0, 1]:  # within the fourth run
            raise KeyboardInterrupt
        return original(built, epoch, *others)

    monkeypatch.setattr(fit, "train_epoch", counted)
    with pytest.raises(KeyboardInterrupt):
        command.compare(plan, dry_run=False)
    assert len(contents(tmp_path / "out")) == 3
    before = {path.name: path.read_bytes() for path in (tmp_path / "out" / "runs").iterdir()}

    later: list[int] = []
    monkeypatch.setattr(fit, "train_epoch", lambda built, *others: later.append(1) or original(built, *others))
    command.compare(plan, dry_run=False)
    # Two seeds of CTR, its halves, CTCVR, BASE, AMAN, OVERSAMPLING, UNBIAS and ESMM, and one more rate tried: 19, of
    # which 3 are done.
    assert len(later) == 2 * 16
    assert all((tmp_path / "out" / "runs" / name).read_bytes() == content for name, content in before.items())
    report = (tmp_path / "out" / "report.md").read_text()

    later.clear()
    command.compare(plan, dry_run=False)
    assert later == []
    assert (tmp_path / "out" / "report.md").read_text() == report
    changed = Plan.load(ESMM / "paper.yaml", [*settings(tmp_path), "hyper_parameters.ctr_fc_sizes=[4]"])
    first = next(iter(runs.plan_runs(changed, {})))
    store = command.RunStore(tmp_path / "out" / "runs")
    assert runner.Runner(changed, store, lambda _: None).result(first) is None, "other settings are another run"


def test_no_click_is_weighed_by_a_net_that_was_trained_on_it(tmp_path, monkeypatch):
    """Nets are replaced by ones that remember: .8 for a row that they were trained on, .05 for any other click.

    So every weight is click rate / .05, where one's own training rows would weigh a sixteenth of it.
    """
    memory: dict[int, set[int]] = {}

    def remember(built, epoch, choose, advance):
        plan = ReadPlan(32, True)
        ids = [i for batch in ChosenRows(built.train_reader, choose).batches(plan) for i in batch.sample_ids.tolist()]
        memory.setdefault(id(built.train_reader), set()).update(ids)
        return len(ids)

    def recall(built, target, reader, advance, in_process=False):
        ids = [i for batch in reader.batches(ReadPlan(64, False)) for i in batch.sample_ids.tolist()]
        known = memory[id(built.train_reader)]
        return np.array([0.8 if i in known else 0.05 for i in ids], np.float32)

    kept_alive = []
    built = runner.Built
    monkeypatch.setattr(runner, "Built", lambda *given: kept_alive.append(built(*given)) or kept_alive[-1])
    monkeypatch.setattr(fit, "train_epoch", remember)
    monkeypatch.setattr(fit, "predict", recall)
    systems = {"UNBIAS": {"rows": "unbias", "clip": 50}}
    plan = Plan.load(ESMM / "paper.yaml", [*settings(tmp_path, seeds=[3], systems=systems), "runner.epochs=1"])
    command.compare(plan, dry_run=False)

    known = labels(tmp_path)
    digest = digests(known["id"])
    kept = uniform(digest, 1) >= 0.1
    clicked = kept & (known["click"] == 1)
    weight = clicked.sum() / kept.sum() / 0.05
    assert weight > 2
    copies = np.floor(weight + uniform(digest[clicked], 3, 3, 0))
    assert contents(tmp_path / "out")["UNBIAS", 3, None]["impressions"] == copies.sum()


def test_other_code_is_another_run(tmp_path):
    """Of the library, of the network's directory and below it, and of the reader, which is the plan's."""
    for name in ("esmm", "escm2", "library"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "part.py").write_text("x = 1\n")
    for name in ("esmm", "escm2"):
        shutil.copytree(ESMM.parent / name, tmp_path / name, dirs_exist_ok=True)
    for name in ("base.yaml", "base_bigdata.yaml"):
        shutil.copy(ESMM.parent / name, tmp_path)
    options = settings(tmp_path, systems={"BASE": {"rows": "clicked"}, "ESCM2": {"model": "../escm2"}})
    plan = Plan.load(tmp_path / "esmm" / "paper.yaml", options)

    def keys() -> dict[str, str]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runner.rec, "__file__", str(tmp_path / "library" / "__init__.py"))
            of_plan = runner.Runner(plan, command.RunStore(tmp_path / "out"), lambda _: None)
        return {run.name: of_plan.key(run) for run in runs.plan_runs(plan, {}) if run.seed == 1}

    def changed(path: str) -> set[str]:
        before = keys()
        (tmp_path / path).write_text((tmp_path / path).read_text() + "\n# changed\n")
        after = keys()
        return {name for name in before if before[name] != after[name]}

    assert keys() == keys()
    everything = {"CTR", "BASE", "ESCM2"}
    assert changed("library/below/part.py") == everything
    assert changed("esmm/esmm_reader.py") == everything
    assert changed("escm2/net.py") == {"ESCM2"}
    assert changed("escm2/below/part.py") == {"ESCM2"}
    before = keys()
    (tmp_path / "library" / "below" / "part.py").rename(tmp_path / "library" / "below" / "other.py")
    assert all(before[name] != key for name, key in keys().items())


def test_the_epoch_that_is_best_on_validation_data_is_kept(tmp_path, monkeypatch):
    """Validation predictions are replaced by ones whose AUC is 1 after epoch 1 and 0 after the others."""
    systems = {"BASE": {"rows": "clicked"}}
    plan = Plan.load(
        ESMM / "paper.yaml", [*settings(tmp_path, seeds=[5], systems=systems), "runner.epochs=6"]
    )  # fmt: skip
    original, epochs, tested = fit.predict, [], []
    train_epoch = fit.train_epoch
    monkeypatch.setattr(
        fit, "train_epoch", lambda b, epoch, *more: epochs.append(epoch) or train_epoch(b, epoch, *more)
    )

    def predict(built, target, reader, *more, **others):
        found = original(built, target, reader, *more, **others)
        if reader is built.test_readers["test"]:
            tested.append((target, epochs[-1]))
        elif not others and target == "cvr":
            conversion = fit.facts(built, reader).conversion
            return conversion if epochs[-1] == 1 else 1 - conversion
        return found

    monkeypatch.setattr(fit, "predict", predict)
    command.compare(plan, dry_run=False)
    assert contents(tmp_path / "out")["BASE", 5, None]["epoch"] == 1
    assert contents(tmp_path / "out")["BASE", 5, None]["valid_cvr"] == 1
    assert [epoch for target, epoch in tested if target == "cvr"] == [0, 1]
    assert epochs[-4:] == [0, 1, 2, 3], "two epochs without a better one end it"


def test_a_smaller_share_is_part_of_the_larger(tmp_path):
    systems = {"BASE": {"rows": "clicked"}}
    plan = Plan.load(ESMM / "paper.yaml", settings(tmp_path, seeds=[5], shares=[0.3, 1.0], systems=systems))
    command.compare(plan, dry_run=False)
    known = labels(tmp_path)
    digest = digests(known["id"])
    kept = uniform(digest, 1) >= 0.1
    found = [json.loads(path.read_text()) for path in (tmp_path / "out" / "runs").glob("*.json")]
    counts = {(c["name"], c["share"]): c["impressions"] for c in found}
    small = kept & (uniform(digest, 2, 5) < 0.3)
    assert counts["CTR", 0.3] == 2 * small.sum()
    assert counts["BASE", 0.3] == 2 * (small & (known["click"] == 1)).sum()
    assert counts["CTR", 1.0] == 2 * kept.sum()
    assert (tmp_path / "out" / "figure3.png").read_bytes().startswith(b"\x89PNG")


def test_simulated_data_are_judged_by_their_truth(tmp_path):
    data = ROOT / "models" / "multitask" / "data" / "behaviours"
    options = [
        f"runner.train_data_dir={data / 'train'}", f"runner.test_data_dir={data / 'test'}", "compare.seeds=[1]",
        "compare.shares=[1.0]", f"compare.out={tmp_path / 'out'}", "hyper_parameters.sparse_feature_dim=4",
        "compare.systems=" + json.dumps({"BASE": {"rows": "clicked"}, "DIVISION": {"division": True}}),
        "hyper_parameters.ctr_fc_sizes=[8]", "hyper_parameters.cvr_fc_sizes=[8]", "runner.train_batch_size=128",
        "runner.num_workers=1",
    ]  # fmt: skip
    command.compare(Plan.load(ESMM / "paper.yaml", options), dry_run=False)
    done = contents(tmp_path / "out")
    figures = done["BASE", 1, None]["figures"]
    assert figures["share_of_ceiling"] == pytest.approx((figures["entire_cvr"] - 0.5) / (figures["ceiling"] - 0.5))
    assert figures["calibration_unclicked"] > 0
    assert done["DIVISION", 1, None]["above_one"] >= 0
    assert "## Against the known truth" in (tmp_path / "out" / "report.md").read_text()


def test_a_table_of_one_s_own(tmp_path):
    random = np.random.default_rng(0)
    rows = ["user,item,clicked,bought"]
    for _ in range(800):
        user, item = random.integers(0, 9), random.integers(0, 9)
        click = int(random.random() < 0.2 + 0.06 * item)
        rows.append(f"u{user},i{item},{click},{int(click and random.random() < 0.1 + 0.08 * user)}")
    for folder, some in (("data", rows), ("random", [rows[0], *rows[600:]])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "log.csv").write_text("\n".join(some) + "\n")
    tree = {
        "base": str(ESMM / "config.yaml"),
        "runner": {**RUNNER, "train_data_dir": str(tmp_path / "data"), "test_data_dir": str(tmp_path / "data"),
                   "train_reader_path": str(ESMM / "table_reader"), "infer_reader_path": str(ESMM / "table_reader")},
        "data": {"test_share": 0.3, "random_test": str(tmp_path / "random"),
                 "labels": {"click": "clicked", "conversion": "bought"}, "fields": {"user": None, "item": None}},
        "hyper_parameters": {"sparse_feature_number": None, "optimizer": {"class": "Adam", "learning_rate": 0.02}},
        "compare": {"seeds": [1], "out": str(tmp_path / "out"), "systems": {
            "BASE": {"rows": "clicked"}, "DIVISION": {"division": True}, "ESMM": {"model": str(ESMM)}}},
    }  # fmt: skip
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tree))
    command.compare(Plan.load(tmp_path / "mine.yaml", []), dry_run=False)
    done = contents(tmp_path / "out")
    sizes = {done[name, 1, None]["test_impressions"] for name in ("BASE", "ESMM")}
    assert len(sizes) == 1
    assert 180 < sizes.pop() < 300
    assert done["CTR", 1, None]["figures"]["ctr"] > 0.55
    plan = Plan.load(tmp_path / "mine.yaml", [])
    did = runner.Runner(plan, RunStore(tmp_path / "out" / "runs"), lambda _: None)
    of_random = did.facts("random")
    labels = np.array([line.split(",")[2:] for line in rows[600:]], int)
    assert (of_random.click.ravel() == labels[:, 0]).all()
    clicked = labels[:, 0] == 1
    (esmm,) = [run for run in runs.plan_runs(plan, {}) if run.name == "ESMM"]
    scores, figures = did.scores(esmm, "random"), did.result(esmm)["figures"]
    assert figures["random_cvr"] == pytest.approx(roc_auc_score(labels[clicked, 1], scores["cvr"][clicked]))
    assert figures["random_ctcvr"] == pytest.approx(roc_auc_score(labels[:, 1], scores["ctcvr"]))
    sold = labels[clicked, 1].sum()
    assert figures["random_calibration"] == pytest.approx(scores["cvr"][clicked].sum() / sold, rel=1e-5)
    report = (tmp_path / "out" / "report.md").read_text()
    _, section = report.split("## On impressions chosen at random")
    assert f"| ESMM | {figures['random_cvr']:.4f}" in section
    assert "random_cvr" in done["DIVISION", 1, None]["figures"]
    for place in ("data", "data/log.csv", "data/later", ".", "random/../data"):
        with pytest.raises(UserError, match=r"data\.random_test, .*, has rows of runner\.train_data_dir"):
            Plan.load(tmp_path / "mine.yaml", [f"data.random_test={tmp_path / place}"])
    days = [f"runner.{name}_data_dir={tmp_path / 'day-*'}" for name in ("train", "test")]
    with pytest.raises(UserError, match=r"day-2, has rows of runner\.train_data_dir, .*day-\*: put them elsewhere"):
        Plan.load(tmp_path / "mine.yaml", [*days, f"data.random_test={tmp_path / 'day-2'}"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("compare.systems.X={model: ../nothing}", r"nothing.*no such file"),
        ("compare.system={}", r"compare\.system is not a setting \(did you mean systems"),
        ("compare.systems.X={rows: some}", r"compare\.systems\.X\.rows: should be 'all', .*, got 'some'"),
        ("runner.train_data_dir=nowhere", "nowhere: no such data directory"),
        ("hyper_parameters.cvr_fc_sizes=[a]", r"hyper_parameters\.cvr_fc_sizes\[0\]"),
        ("compare.shares=[0.000001]", "no impression is left to train on"),
        (
            "data.valid_share=0.2",
            r"data\.valid_share and compare\.valid_share .* set data\.valid_share to null",
        ),
        ("data.random_test=7", r"data\.random_test should be a folder, a file, or a list of them, got 7"),
        ("data.random_test=nowhere", "nowhere: no such data directory"),
        ("data.negative_rate=0.2", r"data\.negative_rate is for training alone: .* set it to null"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, override, message):
    with pytest.raises(UserError, match=message) as error:
        command.compare(Plan.load(ESMM / "paper.yaml", [*settings(tmp_path), override]), dry_run=False)
    assert "\n" not in str(error.value)


def test_a_system_that_cannot_be_made_ends_it_before_the_first_run(tmp_path):
    """The search for rates comes before the other systems' runs, and may take hours."""
    for name, message in (("model: ../nothing", "no such file"), ("model: ., hyper_parameters: {x: 1}", "x is not")):
        plan = Plan.load(ESMM / "paper.yaml", [*settings(tmp_path), f"compare.systems.LAST={{{name}}}"])
        with pytest.raises(UserError, match=message):
            command.compare(plan, dry_run=False)
        assert not (tmp_path / "out").exists()


def test_a_config_without_the_section(tmp_path):
    with pytest.raises(UserError, match="has no compare section"):
        Plan.load(ESMM / "config.yaml", [])


def test_the_command_as_a_user_starts_it(tmp_path):
    """A dry run writes no result; a config that is wrong ends with exit code 2 and one line."""
    script = [sys.executable, ROOT / "tools" / "compare.py", "-m", ESMM / "paper.yaml"]
    options = settings(tmp_path)
    dry = subprocess.run([*script, "--dry-run", "-o", *options], capture_output=True, text=True, cwd=tmp_path)
    assert dry.returncode == 0, dry.stderr
    assert "0 of 19 runs are done; 4 more follow the search for rates" in dry.stderr
    assert not (tmp_path / "out").exists()
    wrong = subprocess.run([*script, "-o", "compare.seeds=[]"], capture_output=True, text=True, cwd=tmp_path)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: ")
    assert wrong.stderr.count("\n") == 1
