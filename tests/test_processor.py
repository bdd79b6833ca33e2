"""What the processor can do, from Linux's description of it."""

from pathlib import Path

import pytest

from rec.processor import mkl_cpu_type

AVX2 = "fpu sse2 avx avx2 fma"


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", f"{AVX2} avx512f avx512dq avx512bw avx512vl", "7"),
        ("AuthenticAMD", f"{AVX2} avx512f", "5"),
        ("AuthenticAMD", AVX2, "5"),
        ("AuthenticAMD", "fpu sse2 avx", None),
        ("GenuineIntel", f"{AVX2} avx512f avx512dq avx512bw avx512vl", None),
    ],
)
def test_only_processors_of_amd_are_told(tmp_path: Path, vendor, flags, expected):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n\nprocessor\t: 1\nvendor_id\t: X\n")
    assert mkl_cpu_type(file) == expected


def test_another_system_has_no_such_file(tmp_path: Path):
    assert mkl_cpu_type(tmp_path / "none") is None
