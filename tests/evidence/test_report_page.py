"""tools/report.py as a command: what its page says, against metrics.json, and what it refuses."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from browser import BINARY, Browser
from commands import Commands
from evidence.conftest import USELESS, settings
from support import ROOT

PREFIX = {"trainer": "rec", "static_trainer": "rec_static"}


class Page(HTMLParser):
    """The rows of each section's tables, in English, and where links and sources lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self.links: list[str] = []
        self._section, self._hidden, self._cell = "", 0, False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag == "section":
            self._section = given["id"]
            self.rows[self._section], self.texts[self._section] = [], ""
        elif tag == "tr":
            self.rows[self._section].append([])
        elif tag == "td":
            self.rows[self._section][-1].append("")
            self._cell = True
        if self._hidden or given.get("lang") == "zh":
            self._hidden += tag in ("span", "tspan")

    def handle_endtag(self, tag):
        if tag in ("span", "tspan") and self._hidden:
            self._hidden -= 1
        elif tag == "td":
            self._cell = False

    def handle_data(self, data):
        if self._section and not self._hidden:
            self.texts[self._section] += data
            if self._cell:
                self.rows[self._section][-1][-1] += data


@pytest.fixture(scope="module")
def written(finished, process_of_module) -> Path:
    outcome = process_of_module(finished.parent, "report", finished, "--permutations", 3)
    assert outcome.code == 0, outcome.err
    assert f"written: {finished / 'report.html'}" in outcome.err
    return finished / "report.html"


@pytest.fixture(scope="module")
def process_of_module():
    started = Commands()
    yield started
    started.close()


@pytest.fixture(scope="module")
def page(written) -> Page:
    return Page(written)


def test_every_section_is_there_with_a_sentence_on_how_to_read_it(page, written):
    expected = "summary learning metrics ranking reliability segments users importance items together made"
    assert list(page.rows) == expected.split()
    assert written.read_text(encoding="utf-8").count('<p class="how">') == len(page.rows)


def test_nothing_comes_from_elsewhere(page):
    assert all(link.startswith(("#", "data:")) for link in page.links)


def test_the_numbers_are_those_of_metrics_json(page, finished):
    recorded = json.loads((finished / "1" / "metrics.json").read_text())
    shown = {(row[0], row[1]): row for row in page.rows["metrics"] if len(row) == 5}
    for task, own in recorded["tasks"].items():
        for name in ("auc", "logloss", "calibration"):
            assert shown[task, name][2] == f"{own[name]:.4f}"
        assert shown[task, "auc"][3] == f"[{own['auc_low']:.4f}, {own['auc_high']:.4f}]"
        assert shown[task, "auc"][4] == f"{own['n']:,}"
        gauc = recorded["metrics"][task]["gauc"]
        assert shown[task, "gauc"][2:4] == [f"{gauc['value']:.4f}", f"[{gauc['low']:.4f}, {gauc['high']:.4f}]"]
    ctr = recorded["tasks"]["ctr"]
    assert f"in {100 * ctr['auc']:.1f}\u00a0% of cases" in page.texts["summary"]


def test_it_names_the_useless_fields_and_the_new_items(page):
    said = re.search(r"ctr: no effect is seen of ([^.]*)\.", page.texts["importance"])
    assert said
    assert set(USELESS) <= set(re.split(r", | and ", said[1]))
    assert not {"user_id", "item_id"} & set(re.split(r", | and ", said[1]))
    assert "Apart stand the items that training has not seen (10)" in page.texts["items"]
    new = [row for row in page.rows["items"] if row and row[0].startswith("new items")]
    assert new[0][1] == "10"


@pytest.mark.skipif(BINARY is None, reason="no Chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_it_without_a_word_of_complaint(written, tmp_path, width):
    browser = Browser(tmp_path / "profile", width)
    try:
        browser.open(written)
        assert browser.messages == []
        assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
        visible = "[...document.querySelectorAll('h2')].map(each => each.innerText)"
        english = browser.evaluate(visible)
        assert english[0] == "In short"
        assert browser.evaluate("document.documentElement.scrollWidth") <= width  # tables scroll by themselves
        assert browser.evaluate("[...document.querySelectorAll('svg')].every(each => each.clientWidth > 200)")
        browser.screenshot(tmp_path / f"report_{width}.png")
        browser.evaluate("document.getElementById('language').click()")
        assert browser.evaluate(visible)[0] == "摘要"
        assert browser.evaluate("document.documentElement.lang") == "zh"
        browser.screenshot(tmp_path / f"report_zh_{width}.png")
        assert browser.messages == []
    finally:
        browser.close()


def test_a_config_names_its_run_too_and_the_page_may_begin_in_chinese(log, finished, process, tmp_path):
    target = tmp_path / "page.html"
    more = ("--to", target, "--permutations", 0, "--lang", "zh", "--segments", "quantile(hour, 2)")
    outcome = process(tmp_path, "report", *settings(log, finished), *more)
    assert outcome.code == 0, outcome.err
    page = Page(target)
    assert '<html lang="zh" data-show="zh">' in target.read_text(encoding="utf-8")
    assert "importance" not in page.rows
    assert "ctr by quantile(hour, 2)" in page.texts["segments"]
    assert "trained on these very rows" not in page.texts["summary"]
    same_rows = f"runner.test_data_dir={log / 'train'}"
    assert process(tmp_path, "report", finished, "-o", same_rows, "--to", target, "--permutations", 0).code == 0
    assert "trained on these very rows" in Page(target).texts["summary"]


def test_two_runs_on_the_same_rows(log, finished, process, tmp_path):
    other = tmp_path / "other"
    assert process(tmp_path, "trainer", *settings(log, other), "runner.epochs=1").code == 0
    outcome = process(tmp_path, "report", finished, other, "--to", tmp_path / "page.html")
    assert outcome.code == 0, outcome.err
    page = Page(tmp_path / "page.html")
    assert list(page.rows) == ["comparison", "where", "made"]
    rows = {(row[0], row[1]): row for row in page.rows["comparison"] if row}
    recorded = json.loads((finished / "1" / "metrics.json").read_text())["tasks"]
    assert rows["ctr", "auc"][2] == f"{recorded['ctr']['auc']:.4f}"
    assert {name for _, name in rows} == {"auc", "logloss", "gauc"}


@pytest.mark.parametrize("trainer", ["trainer", "static_trainer"])
def test_what_leaving_a_task_out_changes(log, process, tmp_path, trainer):
    """Against a training without that loss that was made by hand, and nothing is trained twice."""
    given = settings(log, tmp_path / "whole")
    given[1] = str(ROOT / "models" / "multitask" / "mmoe" / "config.yaml")
    for name, more in (("whole", ()), ("alone", ("hyper_parameters.behaviours.click.weight=0",))):
        save = f"runner.model_save_path={tmp_path / name}"
        for tool in (trainer, "infer"):
            outcome = process(tmp_path, tool, *given, save, *more)
            assert outcome.code == 0, outcome.err
    stamps = []
    for _ in range(2):
        outcome = process(tmp_path, "report", tmp_path / "whole", "--leave-out", "--permutations", 0)
        assert outcome.code == 0, outcome.err
        states = sorted((tmp_path / "whole").glob("without-*/*/state.json"))
        stamps.append([(path.parent.parent.name, path.stat().st_mtime_ns) for path in states])
    assert [name for name, _ in stamps[0]] == ["without-click", "without-conversion"]
    assert stamps[0] == stamps[1]
    assert (tmp_path / "whole" / "without-click" / "1" / f"{PREFIX[trainer]}.safetensors").is_file()
    assert "without click: 2 of 2 epochs" not in outcome.err
    found = {(row[0], row[1]): row for row in Page(tmp_path / "whole" / "report.html").rows["left-out"] if row}
    with_it, without = (
        json.loads((tmp_path / name / "1" / "metrics.json").read_text())["tasks"] for name in ("whole", "alone")
    )
    assert found.keys() == {(left, task) for left in ("click", "conversion") for task in with_it}
    for task in with_it:
        assert found["click", task][2:4] == [f"{each[task]['auc']:.4f}" for each in (without, with_it)]
    before = process(tmp_path, "report", tmp_path / "whole" / "0", "--leave-out", "--permutations", 0)
    assert before.code == 2
    assert "whole/0 is not the checkpoint that its run came to" in before.err


def test_refusals(log, finished, process, tmp_path):
    def refused(*arguments):
        outcome = process(tmp_path, "report", *arguments)
        assert outcome.code == 2, outcome.err
        return outcome.err.splitlines()[-1]

    assert "no such folder" in refused(tmp_path / "absent")
    assert "holds no checkpoint" in refused(tmp_path)
    assert "name either RUN, one or more, or -m CONFIG" in refused()
    assert "--permutations should be 0 or more" in refused(finished, "--permutations", -1)
    assert "shop" in refused(finished, "--item", "shop")
    assert "--leave-out: output/1 has no behaviours section" in refused(finished, "--leave-out")
    assert "--leave-out is of one RUN" in refused(finished, finished, "--leave-out")
    lines = [*settings(log, tmp_path / "small"), "runner.epochs=1", f"runner.test_data_dir={log / 'train'}"]
    assert process(tmp_path, "trainer", *lines).code == 0
    assert "are scored on other rows" in refused(finished, tmp_path / "small")


def test_paddlerecs_directories_are_refused_in_a_line(process, tmp_path):
    config = ROOT / "tests" / "contract" / "directories" / "rows_fm" / "config.yaml"
    save = f"runner.model_save_path={tmp_path / 'out'}"
    assert process(tmp_path, "trainer", "-m", config, "-o", save, "runner.epochs=1").code == 0
    for run in (("-m", config, "-o", save), (tmp_path / "out",)):
        outcome = process(tmp_path, "report", *run)
        assert outcome.code == 2
        assert "is written for PaddleRec" in outcome.err.splitlines()[-1]
