"""Losses for conversions that come late, one method a file; `tools/stream.py` makes the streams that they are for."""

from collections.abc import Mapping
from types import MappingProxyType

from rec.nn.delay.bi_defuse import BiDEFUSE
from rec.nn.delay.defer import DEFER
from rec.nn.delay.defuse import DEFUSE
from rec.nn.delay.dfm import DFM
from rec.nn.delay.es_dfm import ESDFM
from rec.nn.delay.esdf import ESDF
from rec.nn.delay.fnc import FNC
from rec.nn.delay.fnw import FNW
from rec.nn.delay.fsiw import FSIW
from rec.nn.delay.method import Method
from rec.nn.delay.plain import Plain
from rec.nn.delay.ulc import ULC

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "plain": Plain(),
        "dfm": DFM(),
        "fnw": FNW(),
        "fnc": FNC(),
        "fsiw": FSIW(),
        "es_dfm": ESDFM(),
        "defer": DEFER(),
        "defuse": DEFUSE(),
        "bi_defuse": BiDEFUSE(),
        "ulc": ULC(),
        "esdf": ESDF(),
    }
)
