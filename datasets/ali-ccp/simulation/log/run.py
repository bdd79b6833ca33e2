"""One log from settings to a file per part."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from simulation.log.blocks import SIZE, Part, new_state
from simulation.log.columns import Columns
from simulation.log.delay import delay_of
from simulation.log.files import table_file
from simulation.log.report import Tally
from simulation.log.rule import Rule, rule_of
from simulation.log.settings import LogSettings
from simulation.log.things import items_of, users_of
from simulation.log.walk import walk
from simulation.log.world import World, build
from simulation.truth import intercept

TRAIN_DAYS = 13
_SAMPLE = 1 << 18  # impressions that the rule is calibrated on
_ROUNDS = 6


class Log:
    """A world, its rule, and how to write what happens in it: part by part, each of which goes on from there."""

    def __init__(self, settings: LogSettings) -> None:
        self.world = build(settings)
        self.users, self.items = users_of(self.world), items_of(self.world)
        self.parts = _days(settings, self.world) if settings.days else _train_and_test(settings, self.world)
        self.rule = self._calibrated(settings)
        self.state, self.delay = new_state(self.world), delay_of(settings)

    def write(self, name: str, path: Path, form: str, advance: Callable[[int], None]) -> Tally:
        """Write a part as a table of the form "parquet" or "csv", telling `advance` of rows; returns its counts."""
        columns, tally = Columns(self.world, self.users, self.items, self.delay), Tally(self.parts[name])
        with table_file(path, form, columns.schema) as file:
            for first, block in walk(self.world, self.users, self.items, self.rule, self.parts[name], self.state):
                file.write(columns.table(first, block))
                tally.add(block)
                advance(len(block.click))
        return tally

    def _calibrated(self, settings: LogSettings) -> Rule:
        """The rule that meets the rates on (a sample of the users of) train.

        Clicks make the histories that clicks depend on, so the log is walked until both agree.
        """
        rule, train = rule_of(settings), next(iter(self.parts.values()))
        for _ in range(_ROUNDS):
            blocks = walk(
                self.world, self.users, self.items, rule, train, new_state(self.world), 1 + train.impressions // _SAMPLE
            )
            pairs = [(block.click_logit, block.conversion_logit) for _, block in blocks]
            click, conversion = (np.concatenate(side) for side in zip(*pairs, strict=True))
            rule = rule._replace(
                centre=float(click.mean()),
                spread=max(float(click.std()), 1e-6),
                click=intercept(click, np.ones(len(click)), settings.click_rate),
            )
        p_click = 1 / (1 + np.exp(-click - rule.click))
        return rule._replace(conversion=intercept(conversion, p_click, settings.conversion_rate))


def _train_and_test(settings: LogSettings, world: World) -> dict[str, Part]:
    requests, tests = (-(-count // SIZE) for count in (settings.impressions, settings.test_impressions))
    known, new = (world.users, world.items), (settings.new_users, settings.new_items)
    return {
        "train": Part(False, True, settings.impressions, 0, requests, 0, TRAIN_DAYS, 0.0, 0.0, *known),
        "test": Part(True, False, settings.test_impressions, requests, tests, TRAIN_DAYS, 1, *new, *known),
    }


def _days(settings: LogSettings, world: World) -> dict[str, Part]:
    """A part for each day, "day-01" and so on; who is new on one is known on the next."""
    each = -(-settings.impressions // settings.days)
    requests, found = -(-each // SIZE), {}
    for day in range(settings.days):
        fresh = max(0, day - 1)
        known = (world.users + fresh * world.new_users, world.items + fresh * world.new_items)
        new = (settings.new_users, settings.new_items) if day else (0.0, 0.0)
        found[f"day-{day + 1:02}"] = Part(day > 0, True, each, day * requests, requests, day, 1, *new, *known)
    return found
