"""All checks, in the order in which a run would stumble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rec.config.config import Config
from rec.data.reader import Part
from rec.doctor.finding import Finding, worst
from rec.doctor.labels import check_labels
from rec.doctor.leakage import check_leakage
from rec.doctor.overlap import check_overlap
from rec.doctor.preparations import check_ids, check_start
from rec.doctor.program import check_program
from rec.doctor.resources import Needs, check_disk, check_memory, check_time, table_needs
from rec.doctor.rows import check_rows
from rec.doctor.sample import Sample
from rec.doctor.settings import check_checkpoints, check_settings, check_unread
from rec.doctor.subject import Subject, load_subject
from rec.doctor.take import take
from rec.doctor.times import check_times
from rec.doctor.trial import Trial, run
from rec.doctor.values import check_types, check_unseen
from rec.doctor.verdict import judge
from rec.errors import UserError
from rec.stream.reader import StreamReader


def examine(config: Config, mode: Literal["dygraph", "static"]) -> Iterator[Finding]:
    """Findings as they are made; writes nothing. A check that needs what an earlier one found broken is left out."""
    subject, findings = _load(config, mode)
    yield from findings
    if subject is None:
        return
    settings = check_settings(subject)
    yield from settings
    if worst(settings) == "wrong":
        return
    yield from check_checkpoints(subject)
    train, findings = _open(subject, "train") if subject.native else (None, [])
    needs = table_needs(subject)  # the reader of a table has said how many ids there are
    findings += check_memory(subject, needs)
    findings += check_start(subject, train)
    if not subject.native and worst(findings) != "wrong":
        train, more = _open(subject, "train")
        findings += more
    yield from findings
    if worst(findings) == "wrong":
        yield from check_disk(subject, needs)
        yield Finding("data and trial", "note", "not looked at: first mend what is wrong above")
        return
    total, findings = _data(subject, train)
    yield from findings
    result, findings = _trial(subject, needs, total)
    yield from findings
    if mode == "static":
        yield check_program(subject, result)


def _load(config: Config, mode: Literal["dygraph", "static"]) -> tuple[Subject | None, list[Finding]]:
    try:
        return load_subject(config, mode), []
    except UserError as error:
        problems = [Finding("config", "wrong", problem, f"mend {config.path}") for problem in config.problems]
        return None, [*problems, Finding("model directory", "wrong", str(error), "mend the directory or the config")]


def _open(subject: Subject, part: Part) -> tuple[Any, list[Finding]]:
    try:
        if part == "train" and not subject.native and subject.model is not None:
            subject.make_model()
        return subject.open_reader(part, keep_excluded=True), []
    except UserError as error:
        return None, [_reader_finding(part, error)]


def _reader_finding(part: Part, error: UserError) -> Finding:
    return Finding(f"{part} reader", "wrong", str(error), "mend the data, the reader or the config")


def _data(subject: Subject, reader: Any) -> tuple[int | None, list[Finding]]:
    """What is wrong with the rows of both parts, and how many training has."""
    train, findings = _sample(subject, "train", reader)
    test = test_reader = None
    if subject.config.runner.test_data_dir and not subject.directory.own_loader:  # which knows no parts
        test_reader, more = _open(subject, "test")
        findings += more
        if test_reader is not None:
            more = check_ids(subject, reader, test_reader) if subject.native else []
            if not more:
                test, more = _sample(subject, "test", test_reader)
            findings += more
    if train is not None:
        findings += check_leakage(train, subject.tasks)
    if isinstance(reader, StreamReader):
        findings += check_times(reader)
    if train is not None and test is not None and len(test) and len(train):
        findings += check_overlap(train, test)
        if subject.native and test_reader is not None:
            findings += check_types(reader.column_types, test_reader.column_types)
            findings += check_unseen(train, test, test_reader.unseen)
    return (train.total if train is not None else None), findings


def _sample(subject: Subject, part: Part, reader: Any) -> tuple[Sample | None, list[Finding]]:
    """A part's rows and what is wrong with them."""
    try:
        sample = take(subject, part, reader)
    except UserError as error:
        return None, [_reader_finding(part, error)]
    implies = reader.rules.implies if subject.native else ()
    labels = check_labels(sample, subject.tasks, implies, subject.config.runner.label_policy)
    return sample, [*check_rows(sample), *labels]


def _trial(subject: Subject, needs: Needs | None, total: int | None) -> tuple[Trial | None, list[Finding]]:
    """The trial and what it says; `total` is the number of training impressions, if known."""
    if subject.model is None:
        found = "not made: the directory has no dygraph_model.py, where gradients can be seen"
        return None, [*check_disk(subject, needs), Finding("trial", "note", found)]
    try:
        trial = run(subject)
    except UserError as error:
        wrong = Finding("trial", "wrong", str(error), "mend the model, the data or the config")
        return None, [*check_disk(subject, needs), wrong]
    findings = [*check_disk(subject, needs, trial.dense), *check_time(subject, trial.speed, total)]
    findings += judge(trial, subject.tasks)
    return trial, findings if subject.native else [*findings, *check_unread(subject)]
