"""simulate_table.py: histories that are the log's own clicks, labels that follow the truth, knobs."""

import filecmp
import math
import re
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

import simulate_table
from simulation.log.columns import SCHEMA, Columns
from simulation.log.rule import liking_of_price, pull_of_history
from simulation.log.run import Log
from simulation.log.settings import HISTORIES, LogSettings
from simulation.log.things import step_of_age
from support import ROOT, Tool

SIZE = "--impressions 40000 --test-impressions 10000 --seed 3"
START = datetime(2026, 5, 1)
Rows = dict[str, np.ndarray]


def simulated(folder: Path, knobs: str) -> Path:
    simulate_table.main([str(folder), *knobs.split()])
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The rows of train and test under knobs, each drawn once: `drawn("--smooth 1")`."""
    known: dict[str, tuple[Rows, Rows]] = {}

    def draw(knobs: str = "") -> tuple[Rows, Rows]:
        if knobs not in known:
            folder = simulated(tmp_path_factory.mktemp("log"), f"{SIZE} {knobs}")
            known[knobs] = tuple(rows_of(pq.read_table(folder / f"{part}.parquet")) for part in ("train", "test"))
        return known[knobs]

    return draw


def rows_of(table: pa.Table) -> Rows:
    return {name: table[name].to_numpy() for name in table.column_names}


def log_of(knobs: dict) -> tuple[Log, dict[str, int]]:
    """A log that is not written, and the numbers of its items by name."""
    log = Log(LogSettings(**{"impressions": 40_000, "test_impressions": 10_000, "seed": 3, **knobs}))
    names = Columns(log.world, log.users, log.items).item_names.to_pylist()
    return log, {name: number for number, name in enumerate(names)}


def logit(p: np.ndarray) -> np.ndarray:
    return np.log(p / (1 - p))


def split(texts: np.ndarray) -> list[list[str]]:
    return [text.split("|") if text else [] for text in texts]


def test_rows_are_in_the_order_of_time_and_test_is_the_last_day(drawn):
    train, test = drawn()
    assert (len(train["ts"]), len(test["ts"])) == (40_000, 10_000)
    times, requests = (
        np.concatenate([train["ts"], test["ts"]]),
        np.concatenate([train["request_id"], test["request_id"]]),
    )
    assert (requests == np.arange(50_000) // 10).all()
    steps = np.diff(times).astype(np.int64)
    assert ((steps > 0) == (np.diff(requests) > 0)).all(), "a request has one time, and no two have the same"
    assert steps.min() == 0
    last = np.datetime64(START + timedelta(days=13))
    assert np.datetime64(START) <= times[0] < train["ts"][-1] < last <= test["ts"][0] < last + np.timedelta64(1, "D")
    assert len(np.unique(train["ts"].astype("datetime64[D]"))) == 13
    assert (train["hour"] == train["ts"].astype("datetime64[h]").astype(int) % 24).all()
    for rows in (train, test):
        assert len(np.unique(np.stack([rows["request_id"], rows["user_id"]]), axis=1).T) == len(
            np.unique(rows["request_id"])
        )


def test_categories_and_users_are_as_many_as_asked_for(drawn):
    train, _ = drawn("--categories 7 --user-impressions 500")
    assert len(np.unique(train["category"])) == 7
    assert len(np.unique(train["user_id"])) == 40_000 / 500


def test_users_and_items_are_what_they_are(drawn):
    train, test = drawn()
    both = {name: np.concatenate([train[name], test[name]]) for name in train}
    for thing, columns in (("user_id", ("city", "age")), ("item_id", ("category", "shop", "tags"))):
        for column in columns:
            told = defaultdict(set)
            for name, value in zip(both[thing], both[column], strict=True):
                told[name].add(None if value != value else value)
            assert {len(values) for values in told.values()} == {1}, column
    ages = dict(zip(both["user_id"], both["age"], strict=True))
    empty = np.mean(np.isnan(list(ages.values())))
    assert empty == pytest.approx(0.15, abs=4 * math.sqrt(0.15 * 0.85 / len(ages)))
    assert (np.nanmin(both["age"]), np.nanmax(both["age"])) == (18, 69)
    assert min(both["user_id"]) >= 0
    assert max(both["user_id"]) > 2**60
    tags = split(both["tags"])
    assert {len(row) for row in tags} == {0, 1, 2, 3, 4}
    assert all(len(set(row)) == len(row) for row in tags)
    prices = defaultdict(set)
    for item, day, price in zip(both["item_id"], both["ts"].astype("datetime64[D]"), both["price"], strict=True):
        prices[item, day].add(price)
    assert {len(values) for values in prices.values()} == {1}
    assert (np.round(both["price"], 2) == both["price"]).all()


def test_a_history_is_what_its_user_clicked_before(drawn):
    """The log read again: of each user the items clicked in earlier requests, the last 50, oldest first."""
    knobs = "--click-rate 0.4 --history pooled"  # so that some have more than 50
    clicked, longest = defaultdict(list), 0
    for rows in drawn(knobs):
        columns = [rows[name].tolist() for name in ("user_id", "history", "item_id", "click")]
        for first in range(0, len(rows["click"]), 10):
            users, histories, items, clicks = (column[first : first + 10] for column in columns)
            assert set(histories) == {"|".join(clicked[users[0]][-50:])}
            clicked[users[0]] += [item for item, click in zip(items, clicks, strict=True) if click]
            longest = max(longest, len(clicked[users[0]]))
    assert longest > 60


@pytest.mark.parametrize("history", HISTORIES)
def test_labels_come_at_the_rates_and_as_often_as_the_truth_says(drawn, history):
    train, test = drawn(f"--history {history} --click-rate 0.2 --conversion-rate 0.3")
    for rows in (train, test):
        clicked = rows["click"] == 1
        assert (rows["conversion"] <= rows["click"]).all()
        # By thirds of the probability: what is said to be likely happens as often as said.
        for p, label in ((rows["p_click"], clicked), (rows["p_conversion"][clicked], rows["conversion"][clicked])):
            for part in (np.arange(len(p)), *np.array_split(np.argsort(p), 3)):
                error = math.sqrt(np.mean(p[part] * (1 - p[part])) / len(part))
                assert label[part].mean() == pytest.approx(p[part].mean(), abs=4 * error)
    assert train["p_click"].mean() == pytest.approx(0.2, abs=1e-3)
    assert np.average(train["p_conversion"], weights=train["p_click"]) == pytest.approx(0.3, abs=1e-3)


def test_the_truth_is_the_rule_that_is_documented(drawn):
    """p(click) of some rows, from what the table tells and the affinities that it does not, by plain arithmetic."""
    log, number = log_of({})
    train, _ = drawn()
    names = Columns(log.world, log.users, log.items).user_names.tolist()
    user_number = {name: number for number, name in enumerate(names)}
    for row in range(0, 40_000, 97):
        user, item = user_number[train["user_id"][row]], number[train["item_id"][row]]
        one, other = log.users.factors[user], log.items.factors[item]
        expected = math.sqrt(0.3) * one[0] + math.sqrt(0.4) * other[0]
        expected += math.sqrt(0.3) * (one[1] * other[1] + one[2] * other[2]) / math.sqrt(2)
        z = (math.log(train["price"][row]) - 3.5) / 0.8
        expected += 0.5 * math.sin(1.5 * z) / math.sqrt((1 - math.exp(-4.5)) / 2)
        age, levels = train["age"][row], [1.0, -1.0, 0.5, -1.2, 1.0, -0.4]
        if age == age:
            ages = np.array([sum(a >= bound for bound in (22, 28, 35, 42, 55)) for a in range(18, 70)])
            of_ages = np.array(levels)[ages]
            expected += 0.5 * (of_ages[int(age) - 18] - of_ages.mean()) / of_ages.std()
        past = [number[name] for name in split(train["history"][row : row + 1])[0]]
        weights = [0.8**age for age in range(len(past))][::-1]
        cosines = [log.items.style[i] @ log.items.style[item] for i in past]
        alike = [(1 + cosine) / 2 * (i % 10 == item % 10) for i, cosine in zip(past, cosines, strict=True)]
        if past:
            expected += 5 * np.average(alike, weights=weights)
        expected -= 0.3 * math.cos(2 * math.pi * train["hour"][row] / 24)
        assert logit(train["p_click"][row]) - log.rule.click == pytest.approx(expected, abs=1e-9)


def test_effects_of_numbers_have_mean_0_and_variance_1():
    prices = np.exp(3.5 + 0.8 * np.random.default_rng(0).normal(size=20_000))
    effects = np.array([liking_of_price(price) for price in prices])
    assert (effects.mean(), effects.std()) == pytest.approx((0, 1), abs=0.02)
    steps = step_of_age(np.arange(18, 70))
    assert (steps.mean(), steps.std()) == pytest.approx((0, 1), abs=1e-12)


def test_what_pulls_is_the_recent_items_of_the_category_or_the_mean():
    angles = np.radians([0, 60, 90, 180, 0, 120])
    style = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    clicked = np.zeros(50, np.int32)

    def pull(how: str, items: list[int], item: int) -> float:
        """Of 2 categories: even items, odd items."""
        for click, one in enumerate(items):
            clicked[click % 50] = one
        return pull_of_history(HISTORIES.index(how), style, 2, clicked, len(items), item)

    assert pull("order", [4], 0) == pytest.approx(5)  # the same style
    assert pull("order", [2], 0) == pytest.approx(5 * (1 + 0) / 2)  # at right angles
    assert pull("order", [1, 3, 5], 0) == 0  # none of its category
    assert pull("order", [1, 4], 0) == pytest.approx(5 * 1 / (1 + 0.8))
    assert pull("order", [4, 1], 0) == pytest.approx(5 * 0.8 / (1 + 0.8))
    assert pull("order", [4, 2, 4], 0) == pytest.approx(5 * (1 + 0.8 / 2 + 0.64) / (1 + 0.8 + 0.64))
    assert pull("order", [4] * 7 + [1] * 50, 0) == 0  # the last 50
    assert pull("pooled", [0, 1, 5], 3) == pytest.approx(2 * math.sqrt(2) * (1 + 0.5 - 0.5) / 3)
    assert pull("pooled", [1] * 7 + [0] * 50, 3) == pytest.approx(2 * math.sqrt(2))
    assert pull("none", [0, 2, 4], 0) == 0
    assert {pull(how, [], 0) for how in HISTORIES} == {0}


def spread_of_logits(label: np.ndarray, groups: np.ndarray) -> float:
    """How far the logits of the groups' rates lie apart, a standard deviation over rows, beyond what chance does."""
    sizes = np.bincount(groups)
    rates = np.bincount(groups, weights=label) / np.maximum(sizes, 1)
    rates, sizes = rates[sizes > 0], sizes[sizes > 0]
    logits = logit(rates)
    mean, chance = np.average(logits, weights=sizes), np.average(1 / (sizes * rates * (1 - rates)), weights=sizes)
    return math.sqrt(max(0.0, np.average((logits - mean) ** 2, weights=sizes) - chance))


def test_smooth_and_steps_are_how_much_price_and_age_matter(drawn):
    """Rates are averages over all else, which makes their logits a little flatter than the knob says."""
    found = {}
    for knobs in ("--smooth 0 --steps 0", "--smooth 1.5 --steps 0", "--smooth 0 --steps 1.5"):
        rows, _ = drawn(f"--history none --click-rate 0.2 --selection-bias 0 {knobs}")
        price = np.argsort(np.argsort(rows["price"])) * 20 // 40_000
        told = ~np.isnan(rows["age"])
        step = np.searchsorted((22, 28, 35, 42, 55), rows["age"][told], side="right")
        found[knobs] = spread_of_logits(rows["click"], price), spread_of_logits(rows["click"][told], step)
    nothing, smooth, steps = found.values()
    # 200 items have their own appeal and 400 users their own likings, which do not quite average out.
    assert nothing[0] < 0.3
    assert nothing[1] < 0.3
    assert smooth[1] < 0.3
    assert steps[0] < 0.3
    assert 1.0 < smooth[0] < 1.6
    assert 1.0 < steps[1] < 1.7


def test_age_matters_in_steps(drawn):
    """On one step of 13 years the rate is the same at both ends; a year further it is another."""
    rows, _ = drawn("--history none --click-rate 0.2 --selection-bias 0 --smooth 0 --steps 1.5")
    mean = {
        low: logit(rows["p_click"][(rows["age"] >= low) & (rows["age"] < low + 6)]).mean() for low in (36, 42, 49, 55)
    }
    assert mean[42] - mean[36] > 2
    assert abs(mean[49] - mean[42]) < 0.6
    assert mean[49] - mean[55] > 1


def test_the_history_matters_as_the_knob_says(drawn):
    """p(click) by how alike the item and the last one are, by how recent one of its category is, by the mean style."""
    log, number = log_of({"impressions": 120_000})
    style, categories, found = log.items.style, log.world.categories, {}
    for history in HISTORIES:
        rows, _ = drawn(f"--impressions 120000 --history {history} --click-rate 0.3 --smooth 0 --steps 0")
        alike, recent, means = np.full((3, 120_000), np.nan)
        for row, (past, name) in enumerate(zip(split(rows["history"]), rows["item_id"], strict=True)):
            items, item = [number[one] for one in past], number[name]
            if len(items) < 6 or item in items:
                continue
            same = [(one - item) % categories == 0 for one in items[-6:]]
            means[row] = style[items, 0].mean()
            if same[-1]:
                alike[row] = style[items[-1]] @ style[item]
            if same.count(True) == 1:
                recent[row] = same.index(True)
        found[history] = [difference(logit(rows["p_click"]), score) for score in (alike, recent, means)]
    assert np.abs(found["none"]).max() < 0.15
    assert np.abs(found["pooled"][:2]).max() < 0.3
    assert found["pooled"][2] > 1
    assert found["order"][0] > 1
    assert found["order"][1] > 0.3
    assert abs(found["order"][2]) < 0.3


def difference(logits: np.ndarray, score: np.ndarray) -> float:
    """Mean logit in the upper third of the scores that there are, less that in the lower third."""
    low, high = np.nanquantile(score, (1 / 3, 2 / 3))
    return logits[score > high].mean() - logits[score < low].mean()


@pytest.mark.parametrize(("users", "items"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.25), (1.0, 1.0)])
def test_new_users_and_items_are_as_many_as_asked_for(drawn, users, items):
    train, test = drawn(f"--new-users {users} --new-items {items}")
    for column, share, draws in (("user_id", users, 1_000), ("item_id", items, 10_000)):
        new = ~np.isin(test[column], np.unique(train[column]))
        assert new.mean() == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / draws))


def test_selection_bias_is_a_knob(drawn):
    means = {}
    for strength in ("0", "0.7"):
        rows, _ = drawn(f"--click-rate 0.2 --conversion-rate 0.2 --selection-bias {strength}")
        means[strength] = np.average(rows["p_conversion"], weights=rows["p_click"]), rows["p_conversion"].mean()
    assert means["0"][0] == pytest.approx(means["0"][1], abs=0.04)  # 200 users and 100 items, whatever they are like
    assert means["0.7"][0] > means["0.7"][1] + 0.06


def test_equal_arguments_give_equal_bytes(tmp_path, monkeypatch):
    knobs = "--impressions 3000 --seed 5"
    folders = [simulated(tmp_path / name, knobs) for name in ("one", "other")]
    names = ["test.parquet", "train.parquet"]
    assert sorted(path.name for path in folders[0].iterdir()) == names
    assert filecmp.cmpfiles(*folders, names, shallow=False) == (names, [], [])
    changed = simulated(tmp_path / "seed", knobs.replace("--seed 5", "--seed 6"))
    assert not filecmp.cmp(folders[0] / names[0], changed / names[0], shallow=False)
    monkeypatch.setattr("simulation.log.walk._BLOCK", 7)
    blocks = simulated(tmp_path / "blocks", knobs)
    assert pq.read_metadata(blocks / names[0]).num_row_groups == math.ceil(75 / 7)
    assert all(pq.read_table(folders[0] / name).equals(pq.read_table(blocks / name)) for name in names)


def test_csv_holds_the_same(tmp_path):
    knobs = "--impressions 3000 --seed 5"
    parquet, text = simulated(tmp_path / "parquet", knobs), simulated(tmp_path / "csv", f"{knobs} --format csv")
    for part in ("train", "test"):
        options = csv.ConvertOptions(column_types=SCHEMA)
        read = csv.read_csv(text / f"{part}.csv", convert_options=options)
        assert read.equals(pq.read_table(parquet / f"{part}.parquet"))


@pytest.mark.parametrize("knobs", ["", "--new-users 0 --new-items 0", "--click-rate 0.9 --smooth 4 --steps 4"])
def test_extremes(tmp_path, knobs):
    folder = simulated(tmp_path, f"--impressions 1 --test-impressions 11 {knobs}")
    rows = [pq.read_metadata(folder / f"{part}.parquet").num_rows for part in ("train", "test")]
    assert rows == [1, 11]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ("", "the following arguments are required: --impressions"),
        ("--impressions 9 --new-users 2", "--new-users: should be a number from 0 to 1, got '2'"),
        ("--impressions 9 --history all", "--history: invalid choice: 'all' (choose from 'none', 'pooled', 'order')"),
    ],
)
def test_a_bad_knob_is_one_line(tmp_path, capsys, knobs, message):
    with pytest.raises(SystemExit) as end:
        simulated(tmp_path / "out", knobs)
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_days_of_new_users_and_items(tmp_path):
    """Who is new on a day was on none before, is as frequent as asked for, and comes again on later ones."""
    folder = simulated(tmp_path / "days", "--impressions 60000 --days 4 --new-users 0.05 --new-items 0.1 --seed 5")
    days = [rows_of(pq.read_table(path)) for path in sorted(folder.iterdir())]
    assert [path.name for path in sorted(folder.iterdir())] == [f"day-{n:02}.parquet" for n in range(1, 5)]
    assert [len(day["click"]) for day in days] == [15_000] * 4
    assert [{str(at)[:10] for at in day["ts"]} for day in days] == [{f"2026-05-{n:02}"} for n in range(1, 5)]
    for name, share in (("user_id", 0.05), ("item_id", 0.1)):
        known, fresh = set(days[0][name]), set()
        for day in days[1:]:
            new = ~np.isin(day[name], list(known))
            assert new.mean() == pytest.approx(share, abs=0.012)
            if fresh:
                assert fresh & set(day[name])
            fresh = set(day[name][new])
            known |= fresh
    clicked = {item for items in days[3]["history"] for item in items.split("|")}
    assert clicked - {""} <= {item for day in days for item in day["item_id"]}


def test_a_network_sees_what_the_readme_says(tool: Tool, tmp_path, monkeypatch):
    """The README's section of a config, on a table of each format, in both modes, and exported."""
    monkeypatch.chdir(tmp_path)
    section = re.search(r"```yaml\n(.*?)```", (ROOT / "datasets" / "ali-ccp" / "README.md").read_text(), re.DOTALL)
    assert section
    losses, keys = [], ("train_data_dir: {0}/train.{1}", "test_data_dir: {0}/test.{1}", "model_save_path: out_{1}")
    for form, mode in (("parquet", ""), ("csv", "static_")):
        simulated(tmp_path / form, f"--impressions 2000 --test-impressions 500 --format {form}")
        runner = [key.format(tmp_path / form, form) for key in keys] + ["epochs: 1", "infer_end_epoch: 1"]
        runner += ["train_reader_path: table_reader", "infer_reader_path: table_reader", "print_interval: 1"]
        base = ROOT / "models" / "multitask" / "esmm_din" / "config.yaml"
        text = f"base: {base}\nmodel: {base.parent}\nrunner: {{{', '.join(runner)}}}\n{section[1]}"
        Path(f"{form}.yaml").write_text(text)
        trained = tool(f"{mode}trainer", "-m", f"{form}.yaml")
        assert trained.code == 0, trained.err
        losses.append([float(loss) for loss in re.findall(r"batch_id: \d+, loss: ([\d.]+)", trained.err)])
        evaluated = tool(f"{mode}infer", "-m", f"{form}.yaml", "-o", f"runner.predict_save_path={form}.parquet")
        assert evaluated.code == 0, evaluated.err
        predicted = pq.read_table(f"{form}.parquet")
        told = pq.read_table(tmp_path / "parquet" / "test.parquet")
        assert [float(p) for p in predicted["p_click"].to_pylist()] == told["p_click"].to_pylist()
    assert len(losses[0]) == 16
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    exported = tool("to_static", "-m", "parquet.yaml")
    assert exported.code == 0, exported.err
