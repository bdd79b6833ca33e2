"""A pass over a table's rows that learns what a field's values are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from rec.console import log
from rec.data import columns
from rec.data.field_values import values_of
from rec.data.grower import Grower
from rec.data.number_sample import NumberSample
from rec.data.pretrained import Pretrained
from rec.data.rate_survey import RateSurvey
from rec.data.rates import Rates
from rec.data.scale import Moments, before_scaling, scale_of
from rec.data.spelling import doubt
from rec.data.table import Table
from rec.data.table_rows import in_order
from rec.data.table_settings import DataSettings
from rec.data.value_counts import FieldCounts
from rec.data.vocabulary import Vocabulary


class Survey:
    """Counts the values of a table's fields, some rows at a time.

    Memory: the distinct values, and of a bucketed column a sample of its numbers.

    Args:
        settings: which columns are what.
        dims: fields of another width than the network's, whose ids come last.
        pretrained: values that are known, whether or not they occur.
        before: a vocabulary that grows by the rows. Its buckets and scales, on which a network was trained, stay.
    """

    def __init__(
        self,
        settings: DataSettings,
        dims: Mapping[str, int] = MappingProxyType({}),
        pretrained: Mapping[str, Pretrained] = MappingProxyType({}),
        before: Vocabulary | None = None,
    ) -> None:
        self._settings, self._pretrained, self._before = settings, pretrained, before
        self._grower = Grower(before, settings) if settings.grow_vocabulary else None
        fields = {name: settings.ids[name] for name in in_order(settings.ids, dims)}
        self._edges = dict(before.edges) if before else {}
        self._cut = {n: NumberSample() for n, field in fields.items() if field.cuts and n not in self._edges}
        owners = [n for n, f in fields.items() if not (n in self._cut or f.shares or settings.hash_size_of(n))]
        self._values = {own: FieldCounts([own, *(n for n, f in fields.items() if f.shares == own)]) for own in owners}
        rates = before.rates if before else {}
        self._rates = {n: RateSurvey(n, settings, rates.get(n)) for n, f in settings.scaled.items() if f.statistic}
        self._moments = {name: Moments() for name in settings.scaled if not before}
        self._no_logarithm = {name: 0 for name in self._moments if settings.scaled[name].numeric == "log1p"}
        self._fields, self._types = fields, dict[str, tuple[str, ...]]()

    def add(self, table: Table) -> None:
        """Count some rows."""
        self._types = table.types
        for name, numbers in self._cut.items():
            numbers.add(columns.numbers(table, self._fields[name].column or name), table.number)
        for name, field in self._fields.items():
            if (field.shares or name) in self._values:
                self._values[field.shares or name].add(
                    name, *values_of(table, name, self._settings, self._edges.get(name))
                )
        for survey in self._rates.values():
            survey.add(table)
        for name, moments in self._moments.items():
            if name not in self._rates:
                scaled = self._settings.scaled[name]
                found = columns.numbers(table, scaled.column or name)
                moments.add(before_scaling(found, scaled))
                if name in self._no_logarithm:
                    self._no_logarithm[name] += int((found < -1).sum())

    def join(self, other: Survey) -> None:
        """Take what another, of the same table, has learned of other rows; in their order it is as if all were here."""
        self._types = other._types
        for name, sample in self._cut.items():
            sample.join(other._cut[name])
        for name, counts in self._values.items():
            counts.join(other._values[name])
        for name, rates in self._rates.items():
            rates.join(other._rates[name])
        for name, moments in self._moments.items():
            moments.join(other._moments[name])
        for name, count in other._no_logarithm.items():
            self._no_logarithm[name] += count

    def vocabulary(self) -> Vocabulary:
        """What the rows have; says what is odd about them."""
        known: dict[str, list[str] | None] = {}
        counts: dict[str, list[int]] = {}
        edges, settings = self._edges, self._settings
        for name, field in self._fields.items():
            if field.shares or settings.hash_size_of(name):
                known[name], counts[name] = ([] if field.shares else None), []
                continue
            if name in self._cut:
                edges[name] = self._cut[name].edges(field)
                found = self._cut[name].buckets(edges[name])
            else:
                found = self._values[name].most_common()
                odd = (
                    None
                    if field.cross or field.cuts
                    else doubt(
                        self._types[field.column or name], pa.array(list(found), pa.string()), f"data.fields.{name}"
                    )
                )
                if odd:
                    log.warning("field %s %s", name, odd)
            kept = self._kept(name, found)
            known[name], counts[name] = list(kept), list(kept.values())
            if not found:
                log.warning("field %s: its column is empty in all rows, so it says nothing", name)
            elif not kept:
                least = "admit_count" if settings.grow_vocabulary else "min_count"
                log.warning("field %s: all its values occur fewer than data.%s times, so it says nothing", name, least)
        rates = {name: survey.rates() for name, survey in self._rates.items()}
        return Vocabulary(
            known,
            settings.hash_size,
            edges,
            counts=counts,
            hash_sizes={name: field.hash_size for name, field in self._fields.items() if field.hash_size},
            shares={name: field.shares for name, field in self._fields.items() if field.shares},
            scales=self._before.scales if self._before else self._scales(rates),
            rates=rates,
            growth=self._grower.growth() if self._grower else None,
        )

    def _scales(self, rates: Mapping[str, Rates]) -> dict[str, list[float]]:
        for name, own in rates.items():
            numbers, times = own.seen()
            self._moments[name].add(before_scaling(numbers, self._settings.scaled[name]), times)
        for name, count in self._no_logarithm.items():
            if count:
                log.warning(
                    "field %s: %.1f %% of its numbers are below -1 and have no log1p: they count as missing "
                    "(numeric: standardize takes them)", name, 100 * count / (count + self._moments[name].count),
                )  # fmt: skip
        return {name: scale_of(moments, self._settings.scaled[name]) for name, moments in self._moments.items()}

    def _kept(self, name: str, found: dict[str, int]) -> dict[str, int]:
        """The values of a field that have ids, in their order, and how often each occurs."""
        pinned = self._pretrained[name].values if name in self._pretrained else []
        if self._grower:
            return self._grower.field(name, found, pinned)
        least = self._settings.least(name)
        kept = {text: count for text, count in found.items() if count >= least}
        return kept | {text: found.get(text, 0) for text in pinned if text not in kept}
