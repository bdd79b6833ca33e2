"""A new export in the place of the one that is served: tried, and then taken, or not."""

from __future__ import annotations

import asyncio

from rec.console import log
from rec.serving.metrics import RELOADS
from rec.serving.served import Served
from rec.serving.service import Service, look

_PAUSE = 1.0
"""Seconds between two looks at the folder."""


async def watch(service: Service) -> None:
    """Take each new export, for ever."""
    folder, before = service.settings.export, service.seen
    while True:
        await asyncio.sleep(_PAUSE)
        now = look(folder)
        # A folder that files are being copied to is left alone until nothing moves.
        if now and now == before and now != service.seen:
            service.seen = now
            await _take(service)
        before = now


async def _take(service: Service) -> None:
    folder, old = service.settings.export, service.served
    try:
        new = await asyncio.to_thread(Served.load, folder)
    except Exception as error:  # whatever is wrong with it, the one before goes on
        service.refused = str(error)
        RELOADS.labels("refused").inc()
        log.error("not taken, version %s goes on: %s", old.version, error)
        return
    if look(folder) != service.seen:  # replaced while it was read: it may be of two exports, and the next is coming
        return
    service.served, service.refused = new, ""
    RELOADS.labels("taken").inc()
    log.info("now %s, in place of version %s", new.says(), old.version)
