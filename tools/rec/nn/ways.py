"""The ways through a behaviour graph, and the probability of getting from one behaviour to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rec.nn.probability import Probability


@dataclass(frozen=True)
class Branch:
    """A tower: with its probability a path goes on to `then`, else to `otherwise` (None: there it ends)."""

    tower: str
    then: str
    otherwise: str | None


class Ways:
    """The branches at each behaviour."""

    def __init__(self) -> None:
        self._branches: dict[str, list[Branch]] = {}

    def add(self, behaviour: str, branch: Branch) -> None:
        """A branch that starts at a behaviour."""
        self._branches.setdefault(behaviour, []).append(branch)

    def towers_to(self, behaviour: str) -> list[str]:
        """The towers whose probability is that of getting to a behaviour."""
        return [branch.tower for at in self._branches.values() for branch in at if branch.then == behaviour]

    def check(self, target: str, node: str) -> None:
        """Refuse a graph in which two ways to `target` may both be gone: their probabilities would not add up.

        Raises:
            ValueError: which ways those are.
        """
        ways = self._to(node, target)
        if len(ways) > 1:
            several = ", ".join(way.then for way in ways)
            raise ValueError(f"{target}: can be reached through {several}, which are no alternatives of each other")
        for way in ways:
            for next_node in (way.then, way.otherwise):
                if next_node and next_node != target:
                    self.check(target, next_node)

    def reach(
        self, chances: Mapping[str, Probability], target: str, node: str, known: dict[tuple[str, str], Probability]
    ) -> Probability:
        """p(target | node), from the towers' probabilities by name; `known` keeps what was computed on the way."""
        if (target, node) not in known:
            (way,) = self._to(node, target)
            p, then, otherwise = chances[way.tower], way.then, way.otherwise
            further = {
                step: self.reach(chances, target, step, known)
                for step in (then, otherwise)
                if step is not None and step != target and self._leads(step, target)
            }
            if otherwise is not None and len(further) == 2:
                result = p.choose(further[then], further[otherwise])
            elif then == target:
                result = p
            else:
                result = p * further[then] if then in further else ~p * further[str(otherwise)]
            known[target, node] = result
        return known[target, node]

    def _leads(self, node: str | None, target: str) -> bool:
        below = self._branches.get(node, ()) if node else ()
        return node == target or any(self._leads(n, target) for b in below for n in (b.then, b.otherwise))

    def _to(self, node: str, target: str) -> list[Branch]:
        branches = self._branches.get(node, [])
        return [b for b in branches if self._leads(b.then, target) or self._leads(b.otherwise, target)]
