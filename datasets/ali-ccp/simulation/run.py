"""One simulation from settings to files."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.progress import Progress

from behaviours import BEHAVIOURS, TRUTH
from simulation import world
from simulation.blocks import Block, Part, blocks, part_of
from simulation.lines import Outcomes, common_block, exposure_block, new_desk
from simulation.output import ColumnFile, in_order
from simulation.report import Tally
from simulation.settings import Settings
from simulation.truth import Truth, calibrate
from simulation.unseen import favours
from simulation.world import TEST, TRAIN, World

PARTS = {"train": TRAIN, "test": TEST}
_TRUTH = dict.fromkeys(("p_click", "p_conversion", "p_click_conversion", "p_click_given_inputs"), pa.float64())
_BEHAVIOURS = {n: pa.float64() if n in TRUTH else pa.from_numpy_dtype(t) for n, t in BEHAVIOURS.items()}


class Simulation:
    """A world, its truth, and how to write what happens in it."""

    def __init__(
        self, settings: Settings, folder: Path, lines: bool, behaviours: bool, threads: int, progress: Progress
    ) -> None:
        """`lines`: joined lines instead of the raw files; ids are then numbered from 0 in order of appearance.

        `behaviours`: also write behaviours_*.parquet. Raises UserError for rates that cannot be met.
        """
        self.settings, self.folder, self.progress = settings, folder, progress
        self.behaviours = behaviours
        train = world.build(settings, TRAIN)
        ids = int(world.id_ranges(train)[-1].sum())
        self.numbers = np.zeros(ids if lines else 0, np.int64)
        # Numbers are given in order of appearance, so joined lines cannot be written side by side.
        self.threads = 1 if lines else threads
        self.truth = calibrate(train, settings, part_of(train, settings.exposures).rows)

    def write(self, name: str) -> Tally:
        """Write the files of the part "train" or "test"; returns its counts."""
        here = world.build(self.settings, PARTS[name])
        part = part_of(here, self.settings.exposures if name == "train" else self.settings.test_exposures)
        tally = Tally(part.exposures, part.rows)
        if len(self.numbers):
            (self.folder / name).mkdir()
            self._exposures(here, part, tally, self.folder / name / "part-0.txt", name)
        else:
            self._exposures(here, part, tally, self.folder / f"sample_skeleton_{name}.csv", name)
            self._common_rows(here, part, tally, self.folder / f"common_features_{name}.csv")
        return tally

    def _truth_of(self, name: str) -> Truth:
        """Of a part: conversions in test may follow another rule."""
        return self.truth._replace(turned=self.settings.drift) if name == "test" else self.truth

    def _exposures(self, here: World, part: Part, tally: Tally, path: Path, name: str) -> None:
        tables = favours(here, self.truth.position_effect)

        def work(block: Block) -> tuple[Block, memoryview, Outcomes]:
            known, desk = (here, self._truth_of(name), tables, part), new_desk(here)
            text, end, outcomes = exposure_block(*known, block, desk, self.numbers, self.behaviours)
            return block, memoryview(text)[:end], outcomes

        bar = self.progress.add_task(str(path.relative_to(self.folder)), total=part.exposures)
        with path.open("wb") as file, ExitStack() as files:
            truth = files.enter_context(ColumnFile(self.folder / f"truth_{name}.parquet", _TRUTH))
            actions = None
            if self.behaviours:
                actions = files.enter_context(ColumnFile(self.folder / f"behaviours_{name}.parquet", _BEHAVIOURS))
            for block, text, outcomes in in_order(work, blocks(here, part), self.threads):
                file.write(text)
                # Joined lines leave noise out, and so does their truth: line by line the same exposures.
                kept = outcomes.conversion <= outcomes.click if len(self.numbers) else slice(None)
                sample_id = 1 + np.arange(block.first_exposure, block.end_exposure)[kept]
                p_click, p_conversion = outcomes.p_click[kept], outcomes.p_conversion[kept]
                given_inputs = outcomes.p_click_given_inputs[kept]
                truth.add(sample_id, p_click, p_conversion, p_click * p_conversion, given_inputs)
                if actions:
                    columns = zip(BEHAVIOURS.items(), outcomes.behaviours, strict=True)
                    actions.add(sample_id, *(v[kept] if n in TRUTH else v[kept].astype(t) for (n, t), v in columns))
                tally.add(block.first_exposure, outcomes)
                self.progress.advance(bar, block.end_exposure - block.first_exposure)
            tally.size += file.tell()

    def _common_rows(self, here: World, part: Part, tally: Tally, path: Path) -> None:
        def work(block: Block) -> tuple[Block, memoryview]:
            text, end = common_block(here, part, block, new_desk(here))
            return block, memoryview(text)[:end]

        bar = self.progress.add_task(str(path.relative_to(self.folder)), total=part.rows)
        with path.open("wb") as file:
            for block, text in in_order(work, blocks(here, part), self.threads):
                file.write(text)
                self.progress.advance(bar, block.end_row - block.first_row)
            tally.size += file.tell()
