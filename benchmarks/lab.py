"""The laboratory: entire-space methods against each other in simulated worlds whose truth is known.

    python benchmarks/lab.py OUT

Seven worlds, one knob each, five seeds, the systems of models/multitask/entire_space/methods/compare.yaml and two that
are given the true propensities. OUT gets a folder per world, lab.md and lab.html; what is done is not done again, so
that the command may be stopped and given once more. --seeds, --exposures, --world and --system make less of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from lab_page import Lab, measures, sections

from rec import cli

ROOT = Path(__file__).resolve().parents[1]
CONFIG = ROOT / "models" / "multitask" / "entire_space" / "methods" / "compare.yaml"
DATASETS = ROOT / "datasets" / "ali-ccp"
COMMON = "--history-scale 0.05 --exposures-per-common 20 --learnability 0.8 --seed 1"
WORLDS = {
    "as usual": "--click-rate 0.1 --conversion-rate 0.1 --selection-bias 0.4",
    "selection": "--click-rate 0.1 --conversion-rate 0.1 --selection-bias 0.9",
    "hidden": "--click-rate 0.1 --conversion-rate 0.1 --selection-bias 0.4 --hidden-confounding 1.5",
    "position": "--click-rate 0.1 --conversion-rate 0.1 --selection-bias 0.4 --position-effect 1 --behaviours",
    "few": "--click-rate 0.01 --conversion-rate 0.12 --selection-bias 0.4",
    "many": "--click-rate 0.3 --conversion-rate 0.4 --selection-bias 0.4",
    "drift": "--click-rate 0.1 --conversion-rate 0.1 --selection-bias 0.4 --drift 0.5",
}
TRUE = {
    "Multi-IPW, true p": {"kind": "ips", "product": False, "propensity": "p_click"},
    "Multi-DR, true p": {"kind": "dr", "product": False, "propensity_min": 0.05, "propensity": "p_click"},
}
"""Estimators apart from their models of clicks."""
_STEPS = 20
"""Whose median is a step's cost."""


def prepared(folder: Path, knobs: str, exposures: int) -> Path:
    """The prepared data of a world, made unless they are there."""
    done = folder / "prepared"
    if not (done / "schema.json").exists():
        size = f"--exposures {exposures} --test-exposures {exposures // 2} --force".split()
        raw = [folder / "raw", *size, *COMMON.split(), *knobs.split()]
        _run("simulate.py", *raw)
        _run("prepare.py", folder / "raw", done, "--valid", "0", "--force")
    return done


def _run(script: str, *arguments: object) -> None:
    subprocess.run([sys.executable, DATASETS / script, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def plan_of(data: Path, out: Path, seeds: int, systems: list[str] | None) -> Any:
    """The comparison of a world."""
    from rec.compare.plan import Plan

    overrides = [f"runner.train_data_dir={data / 'train'}", f"runner.test_data_dir={data / 'test'}"]
    overrides += [f"compare.out={out}", f"compare.seeds={list(range(1, seeds + 1))}"]
    overrides += [f"compare.systems.{name}={_system(section)}" for name, section in TRUE.items()]
    plan = Plan.load(CONFIG, overrides)
    for name in [each for each in plan.compare.systems if systems and each not in systems]:
        del plan.compare.systems[name]
    return plan


def _system(section: dict[str, Any]) -> str:
    return json.dumps({"model": "..", "hyper_parameters": {"unclicked": section}})


def work(plan: Any, world: str, lab: Lab) -> None:
    """Do what is left of a world's runs, and take their measures in."""
    from rec.compare.runner import Runner
    from rec.compare.runs import plan_runs
    from rec.compare.store import RunStore
    from rec.console import log

    runner = Runner(plan, RunStore(Path(plan.compare.out) / "runs"), lambda _: None)
    runner.store.make()
    for run in plan_runs(plan, {}):
        fresh = runner.result(run) is None
        content = runner.do(run)
        if run.name in plan.compare.systems:
            lab.add(world, run.name, measures(runner.scores(run)["cvr"], runner.facts(), content["figures"]))
        if fresh:
            log.info("%s: %s", world, run.title)


def step_costs(plan: Any) -> dict[str, float]:
    """Median milliseconds of a step of each system, in dynamic graph."""
    from rec.compare.systems import Built
    from rec.data.loader import load_batches
    from rec.data.plan import ReadPlan

    costs = {}
    for name, system in plan.compare.systems.items():
        built = Built(plan, system, None, 1)
        size = built.config.runner.train_batch_size
        times: list[float] = []
        for batch in load_batches(built.train_reader, ReadPlan(size, True, seed=1), 0, built.config.model_dir):
            begun = time.perf_counter()
            built.engine.train_step(batch)
            times.append(1000 * (time.perf_counter() - begun))
            if len(times) == _STEPS:
                break
        costs[name] = median(times)
    return costs


def write(lab: Lab, out: Path) -> None:
    """The page, as Markdown and HTML."""
    from rec.compare.report import markdown_of, page_of

    found = list(sections(lab))
    (out / "lab.md").write_text(markdown_of(TITLE, found))
    (out / "lab.html").write_text(page_of(TITLE, found))


TITLE = "What un-clicked impressions are told: methods and worlds"


def main(arguments: list[str] | None = None) -> None:
    """Do what is left, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--exposures", type=int, default=80_000, help="of training, in each world")
    parser.add_argument("--world", action="append", choices=WORLDS, help="one of them; may be given several times")
    parser.add_argument("--system", action="append", help="one of them; the first is what others are tested against")
    given = parser.parse_args(arguments)
    cli.import_paddle()
    lab, costs = Lab(), given.out / "costs.json"
    for world in given.world or WORLDS:
        data = prepared(given.out / world, WORLDS[world], given.exposures)
        plan = plan_of(data, given.out / world, given.seeds, given.system)
        work(plan, world, lab)
        if not costs.exists():
            costs.write_text(json.dumps(step_costs(plan), indent=1))
        lab.costs = json.loads(costs.read_text())
        write(lab, given.out)


if __name__ == "__main__":
    cli.guarded(main, "interrupted; finished runs are kept")
