"""What follows from declared behaviours: towers, probabilities, tasks and what is trained on which impressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator

from rec.config.behaviours import CODES, IMPRESSION, Behaviour, columns, on_every_path, parents, parse
from rec.config.negatives import first_behaviour
from rec.metrics.task import Task
from rec.nn.events import Event, Objective
from rec.nn.probability import Probability
from rec.nn.ways import Branch, Ways


class Graph:
    """The behaviours of a config.

    Args:
        section: the `behaviours` section.

    Attributes:
        towers: their names, in the order of declaration.
        events: the outputs.
        numbers: what is declared of each tower that predicts a number.
        columns: the label columns that training needs.
        tasks: how outputs are judged.
        objectives: how they are trained.

    Raises:
        ValueError: the section is wrong.
    """

    def __init__(self, section: Mapping[str, Any]) -> None:
        self._all = parse(section)
        self.columns = columns(section)
        self._paths = {name: on_every_path(self._all, name) for name in self._all}
        for name in self._all:
            self._check_starts(name)
        self._ways = Ways()
        self.numbers = {name: b for name, b in self._all.items() if b.head != "binary"}
        self._said = {tower: b for name, b in self._all.items() for tower in self._add_towers(name)}
        self.towers = tuple(self._said)
        if not self.towers:
            raise ValueError("every behaviour is given: nothing is left to predict")
        self.events: list[Event] = []
        self.objectives: list[Objective] = []
        for name, behaviour in self._all.items():
            if not behaviour.instead_of and not behaviour.given:
                self._add_outputs(name, behaviour)
        names = [event.task for event in self.events]
        if len(set(names)) < len(names):
            raise ValueError(f"two outputs have one name: {', '.join(names)}; give behaviours other codes")
        self.tasks = tuple(map(self._task, self.events))

    def outputs(self, chances: Mapping[str, Probability]) -> dict[str, Probability]:
        """The probability of each event by task, from those of the towers' edges, [B, 1] each."""
        known: dict[tuple[str, str], Probability] = {}
        binary = [event for event in self.events if event.target not in self.numbers]
        return {event.task: self._ways.reach(chances, event.target, event.start, known) for event in binary}

    def towers_of(self, name: str) -> list[str]:
        """The towers of a behaviour, one per behaviour that it comes after; empty where it has none."""
        if name in self.numbers:
            return [name]
        return self._ways.towers_to(name)

    def implied(self) -> list[tuple[str, str]]:
        """Pairs of tasks (effect, cause) for which p(effect) <= p(cause) holds in the data but not by construction."""
        task = {event.target: event.task for event in self.events if event.start == IMPRESSION}
        return [(task[name], task[b.implies]) for name, b in self._all.items() if b.implies]

    def task_of(self, target: str, start: str = IMPRESSION) -> str | None:
        """The output p(target | start); None if there is none."""
        return next((e.task for e in self.events if (e.target, e.start) == (target, start)), None)

    def straight_after(self, name: str, cause: str) -> bool:
        """Whether a tower is p(name | cause): a binary behaviour that comes after that one alone."""
        return name in self.towers and name not in self.numbers and parents(self._all, name) == [cause]

    def first_tower(self) -> str | None:
        """The tower of the behaviour that all others come after; None where that is given.

        Raises:
            ValueError: there is no such behaviour, see `rec.config.negatives`.
        """
        first = first_behaviour(self._all)
        return first if first in self.towers else None

    def said(self, tower: str) -> Behaviour:
        """What is declared of the behaviour that a tower is of."""
        return self._said[tower]

    def label(self, name: str) -> str:
        """The label column of a behaviour."""
        return self._all[name].label or name

    def _check_starts(self, name: str) -> None:
        """Refuse a behaviour that follows one which is given on some of its paths only."""
        paths = [[] if parent == IMPRESSION else self._paths[parent] for parent in parents(self._all, name)]
        starts = {next((step for step in reversed(path) if self._all[step].given), None) for path in paths}
        if len(starts) > 1:
            raise ValueError(
                f"{name}: comes after {', '.join(map(str, starts - {None}))}, which is given, on some paths"
            )

    def _add_towers(self, name: str) -> list[str]:
        behaviour = self._all[name]
        if behaviour.instead_of or behaviour.given:
            return []
        if name in self.numbers:
            return [name]
        before = parents(self._all, name)
        otherwise = next((other for other, b in self._all.items() if b.instead_of == name), None)
        towers = []
        for parent in before:
            towers.append(name if len(before) == 1 else f"{name}_after_{parent}")
            self._ways.add(parent, Branch(towers[-1], name, otherwise))
        return towers

    def _add_outputs(self, name: str, behaviour: Behaviour) -> None:
        """p(name) from where modelling starts, given the behaviour before, and given that of its loss."""
        if name in self.numbers:
            space = behaviour.space or IMPRESSION
            labelled = [
                IMPRESSION,
                *(other for other, b in self._all.items() if not b.instead_of and b.head == "binary"),
            ]
            if space not in labelled:
                what = "has no label of 0 or 1" if space in self._all else "is not declared"
                raise ValueError(f"{name}.space: {space} {what}; expected one of {', '.join(labelled)}")
            events = [Event(name, name, space)]
        else:
            events = self._binary_events(name, behaviour)
            space = behaviour.space or events[0].start
            self._check_loss(name, behaviour, space)
        self.events += events
        among = None if space == IMPRESSION else self.label(space)
        (task,) = (event.task for event in events if event.start == space)
        self.objectives.append(Objective(name, task, self.label(name), among, behaviour))

    def _check_loss(self, name: str, behaviour: Behaviour, space: str) -> None:
        """Refuse a loss that needs a tower's own output where what it is of is a product of several."""
        if behaviour.loss != "log" and parents(self._all, name) != [space]:
            raise ValueError(
                f"{name}.loss: {behaviour.loss} is of what one tower says, and {name} over all of {space} is made of "
                f"several: give it space: {parents(self._all, name)[0]}, or leave loss out"
            )

    def _binary_events(self, name: str, behaviour: Behaviour) -> list[Event]:
        before = [step for step in self._paths[name][:-1] if not self._all[step].instead_of]
        start = next((step for step in reversed(before) if self._all[step].given), IMPRESSION)
        spaces = [start, *before]
        if behaviour.space and behaviour.space not in spaces:
            raise ValueError(f"{name}.space: expected one of {', '.join(spaces)}, found {behaviour.space}")
        starts = dict.fromkeys([start, spaces[-1], behaviour.space or start])
        for each in starts:
            self._ways.check(name, each)
        return [Event(self._name(name, each), name, each) for each in starts]

    def _steps(self, name: str, start: str) -> list[str]:
        """The labelled behaviours from `start` on that a behaviour implies, itself the last."""
        implied = self._all[name].implies
        before = self._steps(implied, IMPRESSION) if implied else []
        steps = [*before, *(step for step in self._paths[name] if not self._all[step].instead_of)]
        return steps[steps.index(start) + 1 :] if start in steps else steps

    def _name(self, name: str, start: str) -> str:
        codes = [self._all[step].code or CODES.get(step) for step in self._steps(name, start)]
        if all(codes):
            return "".join(map(str, codes)) + "r"
        return name if start == IMPRESSION else f"{name}_given_{start}"

    def _task(self, event: Event) -> Task:
        among = None if event.start == IMPRESSION else self.label(event.start)
        if event.target in self.numbers:
            return Task(event.task, self.label(event.target), among, kind="regression")
        truth = tuple(f"p_{step}" for step in self._steps(event.target, event.start))
        return Task(event.task, self.label(event.target), among, truth=truth)


def _graph(section: dict[str, Any]) -> dict[str, Any]:
    Graph(section)
    return section


Behaviours: TypeAlias = Annotated[dict[str, Any], AfterValidator(_graph)]
"""A section as in `rec.config.behaviours`."""
