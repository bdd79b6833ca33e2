"""Times of a stream: fields that know what comes after the click, and whether the log is long enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rec.doctor.finding import Finding
from rec.errors import UserError
from rec.stream.hours import Hours
from rec.stream.log import DAY, HOUR, NEVER
from rec.stream.reader import StreamReader
from rec.stream.times import times_of

CHECK = "times"
LATE_SHARE = 0.05
"""Of the conversions that came within the window, those of its last tenth; with more, many come after it."""
NEARLY_ALWAYS = 0.9
"""Of a field's values, those within an attribution window of the click; with more, they are times."""


def check_times(reader: StreamReader) -> list[Finding]:
    """Findings of a stream's clicks and conversions."""
    return [*_later(reader), *_hours(reader), *_window(reader)]


def _later(reader: StreamReader) -> Iterator[Finding]:
    """Fields that are times, and partly after the click. A number is a time if it is near the click nearly always."""
    table = reader.first_clicks()
    click = times_of(table, reader.stream.click_time)
    for name, field in reader.fields.items():
        column = field.column or name
        if field.cross or column == reader.stream.click_time:
            continue
        try:
            times = times_of(table, column)
        except UserError:
            continue
        known = times != NEVER
        near = np.abs(np.where(known, times, click) - click) <= reader.log.window
        later = int(np.count_nonzero(known & (times > click)))
        if later and known.any() and near[known].mean() > NEARLY_ALWAYS:
            yield Finding(
                CHECK, "warn", f"field {name} holds times, of {len(click):,} rows {later:,} after the click",
                "leave it out, unless it is known at the click, as the day of a journey is",
                {"field": name, "later": later},
            )  # fmt: skip


def _hours(reader: StreamReader) -> list[Finding]:
    try:
        hours = Hours.of(reader.log, reader.start, reader.stream)
    except UserError as error:
        return [Finding(CHECK, "wrong", str(error), "mend stream.start, stream.until or the data")]
    found = f"{len(reader):,} clicks to pretrain on, then {hours.last - hours.first:,} hours that are tested"
    if not len(reader):
        return [Finding(CHECK, "wrong", found, "begin later, or with a shorter stream.attribution_days")]
    return [Finding(CHECK, "ok", found)]


def _window(reader: StreamReader) -> list[Finding]:
    """How late conversions come, against the wait and the window."""
    log = reader.log
    rows = log.as_of(reader.start, -NEVER).closed()
    delay = rows.delay[rows.conversion != NEVER]
    if not len(delay):
        return [Finding(CHECK, "wrong", "no click before stream.start has a conversion", "mend stream.conversion_time")]
    after = float(np.mean(delay > reader.stream.wait_hours * HOUR))
    last = float(np.mean(delay > 0.9 * log.window))
    values = {"after_wait": after, "last_tenth": last, "median_days": float(np.median(delay) / DAY)}
    found = (
        f"half of the conversions come within {np.median(delay) / HOUR:.1f} hours, {after:.0%} after the wait of "
        f"{reader.stream.wait_hours:g} hours, {last:.1%} in the last tenth of the window"
    )
    if last > LATE_SHARE:
        return [Finding(CHECK, "warn", found, "a longer stream.attribution_days would have more of them", values)]
    return [Finding(CHECK, "ok", found, values=values)]
