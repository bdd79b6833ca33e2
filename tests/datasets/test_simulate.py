"""simulate.py: files of the release's format and shape, and labels that follow the truth beside them."""

import filecmp
import math
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import simulate
from fields import COMMON_FIELDS, FIELD_NAMES, FIELDS, OWN_FIELDS
from rec.metrics.auc import auc
from simulation import run, world
from simulation.chance import key, normal, normal_growth
from simulation.lines import Outcomes
from simulation.report import Tally
from simulation.settings import Settings
from simulation.text import put_log_count
from support import ESMM, ROOT

SCRIPT = ROOT / "datasets" / "ali-ccp" / "simulate.py"
RATES = "--click-rate 0.2 --conversion-rate 0.2"
KNOBS = f"--exposures 20000 --seed 11 --history-scale 0.1 --exposures-per-common 8 {RATES}"
SMALL = "--exposures 3000 --seed 5 --history-scale 0.05 --click-rate 0.3 --conversion-rate 0.3"
FILES = [f"{kind}_{part}" for kind in ("sample_skeleton", "common_features", "truth") for part in ("train", "test")]

TOKEN = rb"(?:%s)\x02[1-9]\d*\x03\d\.(?:0|\d{0,4}[1-9])" % "|".join(FIELD_NAMES).encode()
FEATURES = rb"(\d+),(%s(?:\x01%s)*)" % (TOKEN, TOKEN)
SKELETON = re.compile(rb"([1-9]\d*),([01]),([01]),([0-9a-f]{16}),%s" % FEATURES)
COMMON = re.compile(rb"([0-9a-f]{16}),%s" % FEATURES)
Tokens = dict[str, dict[int, float]]


def simulated(folder: Path, knobs: str) -> Path:
    simulate.main([str(folder), *knobs.split()])
    return folder


def truth_of(folder: Path, part: str = "train") -> dict[str, np.ndarray]:
    table = pq.read_table(folder / f"truth_{part}.parquet")
    return {name: table[name].to_numpy() for name in table.column_names}


def matches(pattern: re.Pattern, path: Path) -> list[re.Match]:
    lines = path.read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [pattern.fullmatch(line) or pytest.fail(f"{path.name}: {line!r}") for line in lines]


def parse(count: bytes, features: bytes) -> Tokens:
    """Field -> id -> value."""
    tokens: Tokens = defaultdict(dict)
    parts = [re.split("[\x02\x03]", token) for token in features.decode().split("\x01")]
    for field, feature, value in parts:
        tokens[field][int(feature)] = float(value)
    assert int(count) == len(parts) == sum(map(len, tokens.values())), "feature_num, and no id twice in a row"
    return tokens


class Raw:
    """One part of a simulation, parsed."""

    def __init__(self, folder: Path, part: str) -> None:
        skeleton = matches(SKELETON, folder / f"sample_skeleton_{part}.csv")
        common = matches(COMMON, folder / f"common_features_{part}.csv")
        self.sample_id = [int(line[1]) for line in skeleton]
        self.click = np.array([int(line[2]) for line in skeleton])
        self.conversion = np.array([int(line[3]) for line in skeleton])
        self.index = [line[4] for line in skeleton]
        self.own = [parse(line[5], line[6]) for line in skeleton]
        self.own_text = [line[6].decode() for line in skeleton]
        self.common = {line[1]: parse(line[2], line[3]) for line in common}
        self.common_text = {line[1]: line[3].decode() for line in common}
        self.truth = truth_of(folder, part)

    def tokens(self) -> dict[str, np.ndarray]:
        """Tokens of each field at each exposure."""
        rows = [(own, self.common[index]) for own, index in zip(self.own, self.index, strict=True)]
        return {field.name: np.array([len(row[field.common].get(field.name, ())) for row in rows]) for field in FIELDS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return simulated(tmp_path_factory.mktemp("simulated"), KNOBS)


@pytest.fixture(scope="module")
def train(folder) -> Raw:
    return Raw(folder, "train")


@pytest.fixture(scope="module")
def test(folder) -> Raw:
    return Raw(folder, "test")


def test_real_lines_have_the_same_format(shared_data):
    real = shared_data / "aliccp_raw"
    assert len(matches(SKELETON, real / "fixture_sample_skeleton_train.csv")) == 10
    assert len(matches(COMMON, real / "fixture_common_features_train.csv")) == 1
    assert matches(SKELETON, real / "sample_skeleton_reconstructed.csv")
    assert matches(COMMON, real / "common_features_reconstructed.csv")


def test_rows_and_files_fit_together(train, test):
    for part, exposures in ((train, 20_000), (test, 5_000)):
        assert part.sample_id == list(range(1, exposures + 1))
        grouped = [index for place, index in enumerate(part.index) if place == 0 or index != part.index[place - 1]]
        assert len(grouped) == len(part.common), "each common row's exposures stand together"
        assert set(grouped) == set(part.common)
        assert list(part.common) == sorted(part.common)
        assert grouped != sorted(grouped), "the common file has an order of its own"
    assert not set(train.common) & set(test.common)


def test_fields_stand_in_their_file_with_ids_of_their_own(train):
    ranges = world.id_ranges(world.build(Settings(exposures=20_000, history_scale=0.1, exposures_per_common=8.0), 0))
    for rows, fields in ((train.own, OWN_FIELDS), (train.common.values(), COMMON_FIELDS)):
        seen = defaultdict(set)
        for row in rows:
            for name, ids in row.items():
                seen[name].update(ids)
        assert set(seen) == {field.name for field in fields}
        for name, ids in seen.items():
            first, size = ranges[FIELD_NAMES.index(name)]
            assert first <= min(ids)
            assert max(ids) < first + size
    assert (ranges[1:, 0] == ranges[:-1].sum(axis=1)).all()


def test_values_are_log_counts_of_whole_numbers_or_of_twelfths(train):
    values = defaultdict(set)
    for row in (*train.own, *train.common.values()):
        for name, tokens in row.items():
            values[name].update(tokens.values())
    for field in FIELDS:
        if not field.weighted:
            assert values[field.name] == {1.0}
            continue
        counts = np.expm1(list(values[field.name])) * (12 if field.name in ("150_14", "853") else 1)
        assert np.abs(counts / np.round(counts) - 1).max() < 2e-4  # five decimals of the logarithm
        assert len(counts) > 10


@pytest.mark.parametrize("twelfths", [1, 12, 24, 6 * 12, 51 * 12 - 12, 20, 100, 3640 * 12])
def test_log_counts_are_printed_as_the_release_does(twelfths):
    buffer = np.zeros(16, np.uint8)
    end = put_log_count(buffer, 0, twelfths)
    assert buffer[:end].tobytes().decode() == f"{math.log1p(twelfths / 12):.5f}".rstrip("0")


def test_tokens_per_field_and_missing_rates_are_the_release_s(train):
    tokens = train.tokens()
    for field in FIELDS:
        scale = 0.1 if field.name.endswith("_14") else 1.0
        if field.name in ("508", "509", "702", "853"):
            continue  # a history cut to a tenth meets fewer items
        # Classes hang on some 1,000 users: three standard errors of 13 % of them are 3 %.
        assert tokens[field.name].mean() == pytest.approx(scale * field.tokens, rel=0.08), field.name
    missing = np.stack([tokens[name] == 0 for name in ("121", "122", "124", "125", "127", "128")])
    assert (missing.all(axis=0) == missing.any(axis=0)).all(), "they are missing together"
    longest = tokens["110_14"].max() / tokens["110_14"].mean()
    assert 2.5 < longest <= 5.2, "heavy-tailed, and bounded as in the release"


def test_histories_agree_with_each_other(train):
    tokens = train.tokens()
    lengths = np.array([tokens[field] for field in ("109_14", "110_14", "127_14", "150_14")])
    assert np.corrcoef(lengths)[np.triu_indices(4, 1)].min() > 0.5


def test_exposures_per_common_row_vary_about_their_mean(train):
    counts = np.array(list(Counter(train.index).values()))
    assert counts.mean() == pytest.approx(8, rel=0.06)
    assert counts.max() > 4 * 8
    users = Counter(next(iter(row["101"])) for row in train.common.values() if row["101"])
    assert len(users) / len(counts) == pytest.approx(295_787 / 730_600, abs=0.05)


def test_ids_are_as_rare_as_in_the_release_and_test_brings_new_ones(train, test):
    items = Counter(item for row in train.own for item in row["205"])
    assert 20_000 / len(items) == pytest.approx(13.2, rel=0.3)
    assert sum(count == 1 for count in items.values()) / len(items) == pytest.approx(0.426, abs=0.1)
    new_items = [item not in items for row in test.own for item in row["205"]]
    users = {user for row in train.common.values() for user in row["101"]}
    new_users = [user not in users for row in test.common.values() for user in row["101"]]
    assert 0.05 < np.mean(new_items) < 0.4
    assert 0.1 < np.mean(new_users) < 0.6


def test_crosses_are_intersections_with_the_history_s_counts(train):
    ranges = world.id_ranges(world.build(Settings(exposures=20_000, history_scale=0.1, exposures_per_common=8.0), 0))
    first = dict(zip(FIELD_NAMES, ranges[:, 0].tolist(), strict=True))
    crosses = (("508", "109_14", "206"), ("509", "110_14", "207"), ("702", "127_14", "216"), ("853", "150_14", "210"))
    met = Counter()
    for own, index in zip(train.own, train.index, strict=True):
        for cross, history, field in crosses:
            counts = {entity - first[history]: value for entity, value in train.common[index].get(history, {}).items()}
            shown = {entity - first[field] for entity in own.get(field, ())}
            expected = {entity: counts[entity] for entity in shown & counts.keys()}
            assert {entity - first[cross]: value for entity, value in own.get(cross, {}).items()} == expected
            met[cross] += len(expected)
    assert min(met.values()) > 500


def test_few_exposures_are_exact_duplicates(train):
    rows = zip(train.index, train.own_text, train.click, train.conversion, strict=True)
    repeated = sum(one == other for one, other in pairwise(rows))
    assert 3 <= repeated <= 50  # one in a thousand of 17,500 that follow another of their row


def test_probabilities_are_the_labels_rates(train, test):
    for part, tolerance in ((train, 3), (test, 6)):  # test has its own people, and few of them
        truth, n = part.truth, len(part.click)
        assert truth["sample_id"].tolist() == part.sample_id
        assert (truth["p_click_conversion"] == truth["p_click"] * truth["p_conversion"]).all()
        assert part.click.mean() == pytest.approx(0.2, abs=tolerance * math.sqrt(0.2 * 0.8 / n))
        clicked = part.click == 1
        error = math.sqrt(0.2 * 0.8 / clicked.sum())
        assert part.conversion[clicked].mean() == pytest.approx(0.2, abs=tolerance * error)
        # By thirds of the probability: what is said to be likely happens as often as said.
        for p, label in ((truth["p_click"], part.click), (truth["p_conversion"][clicked], part.conversion[clicked])):
            for third in np.array_split(np.argsort(p), 3):
                assert label[third].mean() == pytest.approx(p[third].mean(), abs=4 * 0.5 / math.sqrt(len(third)))


def test_the_truth_ranks_well_and_conversions_without_a_click_are_noise(train):
    clicked = train.click == 1
    assert auc(train.truth["p_click"], train.click).low > 0.65
    assert auc(train.truth["p_conversion"][clicked], train.conversion[clicked]).low > 0.6
    noise = int(train.conversion[~clicked].sum())
    expected = 230 / (9032 - 230) * 20_000 * 0.2 * 0.2
    assert noise == pytest.approx(expected, abs=4 * math.sqrt(expected))


def test_the_report_s_entire_space_auc_is_the_expected_one(folder, train):
    """Over all pairs of exposures, as if each were clicked once: what drawing their conversions gives in the mean."""
    tally = Tally(20_000, 1)
    empty = np.empty((0, 20_000))
    p_click, p_conversion, given_inputs = (
        train.truth[name] for name in ("p_click", "p_conversion", "p_click_given_inputs")
    )
    labels = train.click.astype(np.int8), train.conversion.astype(np.int8)
    tally.add(0, Outcomes(p_click, p_conversion, given_inputs, *labels, np.zeros(2, np.int64), empty))
    random = np.random.default_rng(0)
    drawn = [auc(p_conversion, (random.random(20_000) < p_conversion).astype(int)).value for _ in range(20)]
    assert tally.everywhere() == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(20))
    assert tally.everywhere() < 0.9
    sound = train.conversion <= train.click
    expected = auc(given_inputs[sound], train.click[sound]).value
    assert tally.ceilings()["CTR given inputs"].value == pytest.approx(expected, abs=1e-6)


def test_clicks_drift_along_the_file(train):
    p = train.truth["p_click"]
    head, middle, tail = p[:2000].mean(), p[9000:11000].mean(), p[-2000:].mean()
    assert head > middle > tail
    # At a rate of .2 odds drift as rates do at .04, so rates by .8 of it.
    assert head / tail == pytest.approx((4.52 / 3.15) ** 0.75, rel=0.15)


def test_selection_bias_is_a_knob(tmp_path):
    knobs = f"--exposures 20000 --history-scale 0.01 --exposures-per-common 4 {RATES}"
    means = {}
    for strength in ("0", "0.7"):
        truth = truth_of(simulated(tmp_path / strength, f"{knobs} --selection-bias {strength}"))
        clicked_mean = np.average(truth["p_conversion"], weights=truth["p_click"])
        means[strength] = (clicked_mean, truth["p_conversion"].mean())
    assert means["0"][0] == pytest.approx(means["0"][1], abs=0.01)
    assert means["0.7"][0] > means["0.7"][1] + 0.04


def test_learnability_is_the_share_of_the_ceiling_that_there_is(tmp_path):
    ceilings = []
    for share in ("0", "0.3", "1"):
        part = Raw(simulated(tmp_path / share, f"{SMALL} --learnability {share}"), "train")
        ceilings.append(auc(part.truth["p_click"], part.click).value)
    # Position and drift remain where ids tell nothing.
    assert 0.5 < ceilings[0] < 0.6 < ceilings[1] < 0.75 < ceilings[2]


def test_equal_arguments_give_equal_bytes_with_any_number_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr("simulation.blocks._BLOCK_EXPOSURES", 500)
    one, other = (simulated(tmp_path / n, f"{SMALL} --threads {n}") for n in ("1", "3"))
    names = sorted(path.name for path in one.iterdir())
    assert sorted(Path(name).stem for name in names) == sorted(FILES)
    assert filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])
    changed = simulated(tmp_path / "seed", SMALL.replace("--seed 5", "--seed 6"))
    assert not filecmp.cmp(one / names[0], changed / names[0], shallow=False)


def test_lines_are_the_raw_files_joined(tmp_path, capsys):
    raw, lines = simulated(tmp_path / "raw", SMALL), simulated(tmp_path / "lines", f"{SMALL} --lines")
    last = int(re.search(r"ids: 0 \.\. (\d+)", capsys.readouterr().out)[1])
    numbers: dict[str, int] = {}
    noise = 0
    for part in ("train", "test"):
        source = Raw(raw, part)
        expected, kept = [], source.conversion <= source.click
        for at in np.flatnonzero(kept):
            text = source.own_text[at] + "\x01" + source.common_text[source.index[at]]
            tokens = [token.split("\x03")[0].split("\x02") for token in text.split("\x01")]
            pairs = [f"{field}:{numbers.setdefault(feature, len(numbers))}" for field, feature in tokens]
            expected.append(",".join([f"{at + 1},{source.click[at]},{source.conversion[at]}", *pairs]))
        assert (lines / part / "part-0.txt").read_text().splitlines() == expected
        truth = truth_of(lines, part)
        assert all((truth[name] == source.truth[name][kept]).all() for name in truth)
        noise += int((~kept).sum())
    assert noise > 0
    assert last == len(numbers) - 1


@pytest.mark.parametrize(
    "knobs", ["--history-scale 0", "--learnability 0 --selection-bias 1", "--exposures-per-common 1"]
)
def test_extremes(tmp_path, knobs):
    folder = simulated(tmp_path, f"--exposures 50 --test-exposures 1 {knobs}")
    assert len(Raw(folder, "train").click) == 50
    assert len(Raw(folder, "test").click) == 1


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ("", "the following arguments are required: --exposures"),
        ("--exposures 0", "--exposures: should be a whole number from 1 to 1e+09, got '0'"),
        ("--exposures 9 --click-rate 1.5", "--click-rate: should be a number from 0.001 to 0.9, got '1.5'"),
        ("--exposures 9 --history-scale nan", "--history-scale: should be a number from 0 to 4, got 'nan'"),
        ("--exposures 9 --learnability much", "--learnability: should be a number from 0 to 1, got 'much'"),
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


def test_a_folder_with_files_is_refused_without_force(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit) as end:
        simulated(tmp_path, "--exposures 50")
    assert end.value.code == 2
    assert "is not empty (holds mine.txt): give another folder, or --force" in capsys.readouterr().err
    simulated(tmp_path, "--exposures 50 --force")
    simulated(tmp_path, "--exposures 60 --force")
    assert len(Raw(tmp_path, "train").click) == 60
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (OSError("No space left on device"), 2)])
def test_a_run_cut_short_leaves_nothing(tmp_path, monkeypatch, capsys, error, code):
    def fail(*_):
        raise error

    monkeypatch.setattr(run, "common_block", fail)
    with pytest.raises(SystemExit) as end:
        simulated(tmp_path, "--exposures 50")
    assert end.value.code == code
    assert capsys.readouterr().err.startswith("simulate.py: ")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_nothing_finished_and_does_not_stop_the_next(tmp_path):
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), "--exposures", "100000000"])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/sample_skeleton_train.csv")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished"]
    simulated(tmp_path, "--exposures 50")
    assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(FILES)


def test_the_bundled_demo_is_what_the_help_says_it_is(tmp_path):
    folder = simulated(tmp_path, simulate.DEMO)
    names = ["train/part-0.txt", "test/part-0.txt"]
    assert filecmp.cmpfiles(folder, ESMM / "data", names, shallow=False) == (names, [], [])
    assert sum((folder / name).stat().st_size for name in names) < 3_000_000


def test_normal_numbers_are_normal_enough():
    sample = np.array([normal(key(1, 2, index), 3) for index in range(20_000)])
    assert sample.mean() == pytest.approx(0, abs=0.02)
    assert sample.std() == pytest.approx(1, abs=0.02)
    assert np.exp(0.5 * sample).mean() == pytest.approx(normal_growth(0.5), rel=0.01)


def test_a_hidden_state_makes_clicks_tell_of_conversions(tmp_path):
    """Rates are met, though the truth's p(conversion) of the clicked is lower: who clicks is in the mood."""
    knobs = "--exposures 20000 --seed 5 --history-scale 0.02 --click-rate 0.2 --conversion-rate 0.2"
    raw = Raw(simulated(tmp_path / "hidden", f"{knobs} --hidden-confounding 1.5"), "train")
    clicked = raw.click == 1
    assert clicked.mean() == pytest.approx(0.2, abs=0.02)
    assert raw.truth["p_click"].mean() == pytest.approx(clicked.mean(), abs=0.01)
    assert raw.conversion[clicked].mean() == pytest.approx(0.2, abs=0.03)
    assert raw.truth["p_conversion"][clicked].mean() < 0.8 * raw.conversion[clicked].mean()
    with pytest.raises(SystemExit):
        simulated(tmp_path / "both", f"{knobs} --hidden-confounding 1.5 --behaviours")


def test_drift_is_of_test_alone(tmp_path):
    still, moved = (simulated(tmp_path / f"{drift}", f"{SMALL} --drift {drift}") for drift in (0, 1))
    assert (truth_of(still)["p_conversion"] == truth_of(moved)["p_conversion"]).all()
    before, after = (truth_of(folder, "test") for folder in (still, moved))
    assert (before["p_click"] == after["p_click"]).all()
    assert abs(np.corrcoef(before["p_conversion"], after["p_conversion"])[0, 1]) < 0.5
