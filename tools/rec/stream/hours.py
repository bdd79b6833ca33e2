"""Which hours of a log are trained and tested on."""

from __future__ import annotations

from dataclasses import dataclass

from rec.config.stream import StreamSettings
from rec.errors import UserError
from rec.stream.log import HOUR, Log
from rec.stream.times import time_of


@dataclass(frozen=True)
class Hours:
    """The hours of a stream.

    Attributes:
        begin: when the first one begins that is trained on.
        first, last: the first hour that is tested on, and the first one that is not, counted from `begin`.
    """

    begin: int
    first: int
    last: int

    @classmethod
    def of(cls, log: Log, start: int, settings: StreamSettings) -> Hours:
        """Those of a log, of which `start` is the first hour that is tested on.

        Raises:
            UserError: the log tells too few outcomes.
        """
        log_end, window = log.last, log.window
        if settings.known_until is not None:
            log_end = time_of(settings.known_until, "stream.known_until")
            if log_end < log.last:
                raise UserError(
                    f"stream.known_until: the table tells of things {(log.last - log_end) / HOUR:.1f} hours after "
                    f"{settings.known_until}: set it later, or leave it out"
                )
        first = -(-window // HOUR)
        begin, known = start - first * HOUR, log_end - window
        until = known if settings.until is None else time_of(settings.until, "stream.until")
        if until > known:
            raise UserError(
                f"stream.until: what comes of a click is known {settings.attribution_days:g} days later, and the log "
                f"ends {(until - known) / HOUR:.1f} hours too early: leave it out, or bring later conversions"
            )
        last = (until - begin) // HOUR
        if last <= first:
            raise UserError(
                f"stream.start: no hour from {settings.start} on ends {settings.attribution_days:g} days before the "
                "log does, as final labels need: begin earlier, or with a shorter stream.attribution_days"
            )
        return cls(begin, first, int(last))
