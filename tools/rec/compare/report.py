"""A comparison as tables, in Markdown and HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rec.compare.outcome import Outcome
from rec.compare.plan import RANDOM
from rec.config.compare import Published

FIGURE = "![AUC against the share of training data](figure3.png)"
"""Where the figure stands in Markdown."""

_AREAS = {"cvr": "CVR AUC", "ctcvr": "CTCVR AUC"}

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.3em .6em;text-align:right}"
    "td:first-child,th:first-child{text-align:left}img{max-width:100%}"
)


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph, and a table whose first row is its head (or none)."""

    title: str
    text: str
    rows: list[list[str]]


def sections(outcome: Outcome) -> Iterator[Section]:
    """The report's sections."""
    yield _main(outcome)
    if outcome.random:
        yield _random(outcome)
    if outcome.simulated:
        yield _truth(outcome)
    if outcome.searched:
        yield _search(outcome)
    if len(outcome.compare.shares) > 1:
        yield _shares(outcome)


def _main(outcome: Outcome) -> Section:
    reference = outcome.reference
    bests = {figure: outcome.best(figure) for figure in _AREAS}
    published = any(system.published != Published() for system in outcome.compare.systems.values())
    rows = _areas(outcome, bests, published)
    text = (
        f"Mean ± standard deviation over {len(outcome.compare.seeds)} seeds, {percent(outcome.full)} of the training "
        "data, each network after the epoch that is best on validation data. CVR on clicked test impressions; CTCVR on "
        "all, every pCVR times the pCTR of one separately trained CTR net. "
        f"Minus {reference}: the difference with its 95 % interval over seeds and test samples (DeLong, paired). "
        f"p: paired t-test over seeds alone, on the same test sample. "
        f"Best: CVR {bests['cvr'] or '-'}, CTCVR {bests['ctcvr'] or '-'}."
    )
    return Section("Systems", text, rows)


def _areas(outcome: Outcome, bests: Mapping[str, str | None], published: bool) -> list[list[str]]:
    """A row per system with the two AUCs that `bests` names, the best system of each being its value."""
    reference, rows = outcome.reference, [["system"]]
    for title in _AREAS.values():
        rows[0] += [title, f"minus {reference}", f"p against {reference}", "p against the best"]
        rows[0] += ["published"] if published else []
    for name, system in outcome.compare.systems.items():
        row = [name]
        for figure, best in bests.items():
            p_values = [outcome.p_value(name, other, figure) for other in (reference, best)]
            row += [str(outcome.summary(name, figure)), str(outcome.differences.get((name, figure), "-"))]
            row += map(_p, p_values)
            row += [_number(getattr(system.published, figure))] if published else []
        rows.append(row)
    return rows


def _random(outcome: Outcome) -> Section:
    rows = _areas(outcome, {f"{RANDOM}_{figure}": outcome.best(f"{RANDOM}_{figure}") for figure in _AREAS}, False)
    rows[0].append("calibration")
    for row in rows[1:]:
        row.append(str(outcome.summary(row[0], f"{RANDOM}_calibration")))
    text = (
        "The impressions of data.random_test, which nobody chose by what was predicted of them, so that none is "
        "missing for what it is. Figures and tests as above. Calibration: sum of predicted CVR over conversions, of "
        "clicked impressions."
    )
    return Section("On impressions chosen at random", text, rows)


def _truth(outcome: Outcome) -> Section:
    figures = ("entire_cvr", "share_of_ceiling", "calibration_clicked", "calibration_unclicked")
    head = ["system", "entire-space CVR AUC", f"p against {outcome.reference}", "share of ceiling"]
    rows = [[*head, "calibration, clicked", "calibration, unclicked", "estimates above 1"]]
    for name in outcome.compare.systems:
        entire, *others = (str(outcome.summary(name, figure)) for figure in figures)
        p = outcome.p_value(name, outcome.reference, "entire_cvr")
        above = outcome.above_one(name)
        rows.append([name, entire, _p(p), *others, "-" if above is None else f"{above:.4%}"])
    ceiling = outcome.summary(outcome.reference, "ceiling").mean
    text = (
        "The data are simulated, so the probability of a conversion is known of every test impression, clicked or not. "
        f"The truth itself would reach an entire-space AUC of {_number(ceiling)}; a share of the ceiling is "
        "(AUC - 1/2) / (ceiling - 1/2). Calibration: sum of predicted over sum of true probabilities."
    )
    return Section("Against the known truth", text, rows)


def _search(outcome: Outcome) -> Section:
    rows = [["system", "rate", "CVR AUC on validation data", "chosen"]]
    for name, contents in outcome.searched.items():
        chosen = outcome.runs[name, outcome.full, outcome.compare.seeds[0]]["rate"]
        for content in contents:
            mark = "yes" if content["rate"] == chosen else ""
            rows.append([name, f"{content['rate']:g}", _number(content["valid_cvr"]), mark])
    text = (
        f"With the first seed on {percent(outcome.full)} of the training data; validation data are "
        f"{percent(outcome.compare.valid_share)} of the training impressions, which no run trains on."
    )
    return Section("Rates searched", text, rows)


def _shares(outcome: Outcome) -> Section:
    shares = sorted(outcome.compare.shares)
    rows = [["system", *(f"{task} {percent(share)}" for task in ("CVR", "CTCVR") for share in shares)]]
    for name in outcome.compare.systems:
        rows.append([name, *(str(outcome.summary(name, f, s)) for f in ("cvr", "ctcvr") for s in shares)])
    return Section("AUC against the share of training data", FIGURE, rows)


def markdown(outcome: Outcome, title: str) -> str:
    """The report as Markdown."""
    return markdown_of(title, sections(outcome))


def markdown_of(title: str, of: Iterable[Section]) -> str:
    """Sections as Markdown."""
    parts = [f"# {title}\n"]
    for section in of:
        head, *body = (f"| {' | '.join(row)} |" for row in section.rows)
        line = "|" + "---|" * len(section.rows[0])
        parts.append("\n".join([f"## {section.title}\n", section.text, "", head, line, *body, ""]))
    return "\n".join(parts)


def page(outcome: Outcome, title: str, figure: bytes | None) -> str:
    """The report as one HTML file, the figure (PNG) within."""
    return page_of(title, sections(outcome), figure)


def page_of(title: str, of: Iterable[Section], figure: bytes | None = None) -> str:
    """Sections as one HTML file."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    for section in of:
        text = html.escape(section.text)
        if section.text == FIGURE:
            data = base64.b64encode(figure or b"").decode()
            text = f'<img alt="AUC against the share of training data" src="data:image/png;base64,{data}">'
        parts.append(f"<h2>{html.escape(section.title)}</h2><p>{text}</p>{_table(section.rows)}")
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _table(rows: list[list[str]]) -> str:
    lines = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        lines.append("<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>")
    return f"<table>{''.join(lines)}</table>"


def percent(share: float) -> str:
    """A share for people: 0.005 is 0.5 %."""
    return f"{100 * share:g} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _p(value: float | None) -> str:
    return "-" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"
