"""The config against what the model, the readers and the tools take."""

from __future__ import annotations

from rec.config.suggest import did_you_mean
from rec.doctor.finding import Finding
from rec.doctor.subject import Subject
from rec.errors import UserError
from rec.run.overwrite import written_over

CHECK = "config"
_SECTION = "hyper_parameters."


def check_settings(subject: Subject) -> list[Finding]:
    """What is missing, misspelt or of a wrong type, a finding each."""
    config = subject.config
    directory = subject.directory
    missing = [*directory.missing(training=True), *(directory.missing(training=False) if _evaluates(subject) else ())]
    problems = list(dict.fromkeys([*directory.problems, *missing]))
    if problems:
        advice = f"mend {config.path} (tools/trainer.py --help lists the runner settings)"
        return [Finding(CHECK, "wrong", problem, advice) for problem in problems]
    found = "every key is known, none is missing" if subject.native else "no key is missing"
    return [Finding(CHECK, "ok", found), *(Finding(CHECK, "note", each) for each in config.without_effect())]


def check_checkpoints(subject: Subject) -> list[Finding]:
    """Whether training would stop because it would write over another run's checkpoints."""
    try:
        problem = written_over(subject.config, subject.native)
    except UserError as error:
        problem = str(error)
    return [Finding("checkpoints", "wrong", problem, "choose another folder, or say what is meant")] if problem else []


def check_unread(subject: Subject) -> list[Finding]:
    """Keys that a PaddleRec directory was given and never asked for; call it once reader and model have run."""
    config, findings = subject.config, []
    # Without the section: a common prefix would make everything look alike.
    absent = [key.removeprefix(_SECTION) for key in config.asked if key not in config]
    for key in config:
        if key.startswith(_SECTION) and key not in config.asked:
            meant = did_you_mean(key.removeprefix(_SECTION), absent)
            found = f"{key} was never read{meant}"
            findings.append(Finding(CHECK, "warn" if meant else "note", found, "mend its name" if meant else ""))
    return findings + [
        Finding(CHECK, "warn", each, "mend it") for each in [*config.warnings, *config.probably_misspelt()]
    ]


def _evaluates(subject: Subject) -> bool:
    """Whether there are test data, without which training alone is examined."""
    return subject.native and bool(subject.config.runner.test_data_dir)
