"""The methods of a stream: what each takes in, which loss it is trained by, and what it begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rec.config.stream import StreamName
from rec.nn.delay.helpers import ElapsedHelper, WindowHelper
from rec.nn.delay.network import Name
from rec.nn.delay.towers import ClickTowers
from rec.stream.ingest import Copies, Ingestion, Snapshot

HelperName = Literal["window", "elapsed"]

HELPERS: Mapping[HelperName, type[ClickTowers]] = MappingProxyType({"window": WindowHelper, "elapsed": ElapsedHelper})

_SNAPSHOT = Snapshot()


@dataclass(frozen=True)
class StreamMethod:
    """A method.

    Attributes:
        loss: `hyper_parameters.method` of its network.
        takes: what it is trained on: nothing once it is pretrained, each click's final label at once (the oracle),
            rows as they come in, or now and then the log as it stands.
        ingestion: how these rows are made.
        helper: of HELPERS, the one whose predictions its loss reads.
    impressions: it learns from those without a click too.
        own_start: it is pretrained by its own loss on its own rows, for its towers say something else than f.
    """

    loss: Name
    takes: Literal["nothing", "final", "rows", "log"]
    ingestion: Ingestion = _SNAPSHOT
    helper: HelperName | None = None
    own_start: bool = False
    impressions: bool = False


_NONE, _LATE, _ALL = (Copies(at_once=False, later=later) for later in ("none", "late", "all"))
_FAKE = Copies(at_once=True, later="late")

STREAM_METHODS: Mapping[StreamName, StreamMethod] = MappingProxyType(
    {
        "pretrain": StreamMethod("plain", "nothing"),
        "oracle": StreamMethod("plain", "final"),
        "vanilla": StreamMethod("plain", "rows", _NONE),
        "vanilla_win": StreamMethod("plain", "rows", _LATE),
        "fnw": StreamMethod("fnw", "rows", _FAKE),
        "fnc": StreamMethod("fnc", "rows", _FAKE, own_start=True),
        "dfm": StreamMethod("dfm", "log", own_start=True),
        "fsiw": StreamMethod("fsiw", "log", helper="elapsed"),
        "es_dfm": StreamMethod("es_dfm", "rows", _LATE, "window"),
        "defer": StreamMethod("defer", "rows", _ALL, "window"),
        "defuse": StreamMethod("defuse", "rows", _LATE, "window"),
        "bi_defuse": StreamMethod("bi_defuse", "rows", _LATE, own_start=True),
        "ulc": StreamMethod("ulc", "log", helper="elapsed"),
        "esdf": StreamMethod("esdf", "log", own_start=True, impressions=True),
    }
)
