"""A split's raw files into two spools."""

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np

from preparation.badrows import SHOWN, BadRows, explain
from preparation.rows import parse
from preparation.scan import Rows
from preparation.sources import Advance, DamagedError, Source
from preparation.spool import Spool
from preparation.threads import ahead, ordered_map
from rec.errors import UserError


def read_split(
    source: Source, folder: Path, pool: Executor, in_flight: int, reader: Executor, bad: BadRows, advance: Advance
) -> tuple[Spool, Spool]:
    """Parse a split's files into spools in ``folder``: (exposures, common rows).

    ``reader`` (one thread) reads and decompresses, ``pool`` parses ``in_flight`` blocks at a time. Raises UserError for
    a missing file and, if ``bad`` says so, for the first bad row; a damaged archive is a bad row that ends it.
    """
    own, common = Spool(folder / "exposures", False), Spool(folder / "common", True)
    spool = own
    try:
        for name, is_common, blocks in source.streams(advance):
            spool = common if is_common else own
            spool.file = name
            parsed = ordered_map(pool, partial(_parse, common=is_common), ahead(blocks, reader), in_flight)
            _append_all(spool, parsed, bad)
    except DamagedError as error:
        message = str(error)
        bad.add(
            spool.file or str(source.paths[0]), np.array([spool.lines + 1]), [lambda: f"{message}; the rest is lost"]
        )
    for spool in (own, common):
        spool.close()
        if not spool.rows:
            raise UserError(f"{spool.file or source.paths[0]}: no {'common' if spool.common else 'skeleton'} rows here")
    return own, common


def _parse(text: bytes, common: bool) -> tuple[bytes, Rows, int]:
    rows, lines = parse(text, common)
    return text, rows, lines


def _append_all(spool: Spool, parsed: Iterator[tuple[bytes, Rows, int]], bad: BadRows) -> None:
    for text, rows, lines in parsed:
        broken = [text[start:end] for start, end in rows.bad[:SHOWN, 1:]]
        bad.add(spool.file, rows.bad[:, 0] + spool.lines + 1, [partial(explain, line, spool.common) for line in broken])
        spool.append(rows, lines)
