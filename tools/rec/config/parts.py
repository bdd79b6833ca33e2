"""A section of `hyper_parameters` that chooses a part of a network by `kind` and tells it its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rec.config.bind import missing, parameters
from rec.config.hyper import wrong_types
from rec.config.suggest import did_you_mean


def section_of(given: Any) -> Any:
    """A section; a word alone is its kind."""
    return {"kind": given} if isinstance(given, str) else given


class Registry:
    """The kinds of a part, e.g. of sharing: `{kind: mmoe, num_expert: 4, fc_sizes: [64]}`.

    Args:
        kinds: by name, the class; its constructor's parameters are the section's keys.
        given: parameters that the network passes, which are no keys.
    """

    def __init__(self, kinds: Mapping[str, Callable[..., Any]], *given: str) -> None:
        self._kinds, self._given = kinds, given

    def __getitem__(self, section: Mapping[str, Any]) -> Any:
        """The class that a section names."""
        return self._kinds[section["kind"]]

    @property
    def classes(self) -> Mapping[str, Callable[..., Any]]:
        """The class of each kind, by name."""
        return self._kinds

    def settings(self, kind: str) -> list[str]:
        """The keys of a section of this kind, besides `kind`."""
        return [name for name in parameters(self._kinds[kind]) if name not in self._given]

    def check(self, section: Mapping[str, Any]) -> Mapping[str, Any]:
        """The section, if it is right: for pydantic's AfterValidator.

        Raises:
            ValueError: the kind is unknown, or a setting is missing, wrong or not of this kind.
        """
        values = dict(section)
        kind = values.pop("kind", None)
        if kind not in self._kinds:
            raise ValueError(
                f"kind should be one of {', '.join(self._kinds)}, got {kind!r}{did_you_mean(kind, self._kinds)}"
            )
        target = self._kinds[kind]
        known = self.settings(kind)
        problems = [
            f"{name} is not a setting of {kind}{did_you_mean(name, known)}" for name in values if name not in known
        ]
        absent = missing(target, {**values, **dict.fromkeys(self._given)}, kind)
        problems += absent or wrong_types(target, {k: v for k, v in values.items() if k in known}, kind)
        if problems:
            raise ValueError("; ".join(problems))
        return section

    def build(self, section: Mapping[str, Any], **given: Any) -> Any:
        """The part that a section describes."""
        values = {name: value for name, value in section.items() if name != "kind"}
        return self[section](**given, **values)
