"""Where a table's files lie: on a disk, or where Arrow's file systems reach, `s3://bucket/folder`, `hdfs://host/folder`.

A remote place is a path too, `s3:/bucket/folder` as pathlib has it. What stands behind a `?` tells how a bucket is
reached: `s3://bucket/folder?endpoint_override=HOST:PORT&scheme=http&region=REGION`; else the environment does, as for
any program of AWS (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL).
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlparse

import pyarrow as pa
import pyarrow.fs

from rec.config.paths import is_remote
from rec.config.suggest import did_you_mean
from rec.errors import UserError

_SYSTEMS: dict[str, Any] = {}
"""By scheme and bucket, or host: files of a place are named without what stands behind its `?`."""

_OPTIONS = {"s3:": ("endpoint_override", "scheme", "region"), "hdfs:": ("user",)}
"""What may stand behind a place's `?`."""

_PATIENCE = {"connect_timeout": 5, "request_timeout": 30}
"""Seconds that S3 has to answer, three times."""

_PATTERN = "*?["


class Entry(NamedTuple):
    """A file or folder in a folder."""

    path: Path
    is_folder: bool


def entries(folder: Path) -> list[Entry]:
    """What is in a folder, sorted by name.

    Raises:
        UserError: it cannot be read.
    """
    if is_remote(folder):
        system, inner = _system(folder)
        with _reached(folder):
            found = system.get_file_info(pa.fs.FileSelector(inner))
        return sorted(Entry(plain(folder) / info.base_name, info.type == pa.fs.FileType.Directory) for info in found)
    try:
        return [Entry(path, path.is_dir()) for path in sorted(folder.iterdir())]
    except OSError as error:
        raise UserError(f"{folder}: cannot be read: {error.strerror}") from None


def is_folder(place: Path) -> bool:
    """Whether a place is a folder."""
    if not is_remote(place):
        return place.is_dir()
    return _info(place).type == pa.fs.FileType.Directory


def exists(place: Path) -> bool:
    """Whether there is anything."""
    return place.exists() if not is_remote(place) else _info(place).type != pa.fs.FileType.NotFound


def stamp(file: Path) -> tuple[int, int]:
    """Of a file: bytes, and when it was changed, in nanoseconds since 1970."""
    if is_remote(file):
        info = _info(file)
        return int(info.size), int(info.mtime_ns)
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def matching(place: Path) -> list[Path]:
    """What there is of a remote place's pattern, sorted: any part of the path may have one."""
    found = [Path(*plain(place).parts[:2])]
    for part in plain(place).parts[2:]:
        if any(letter in part for letter in _PATTERN):
            found = [e.path for each in found for e in entries(each) if fnmatch.fnmatch(e.path.name, part)]
        else:
            found = [each / part for each in found]
    return [each for each in found if exists(each)]


def common_folder(files: Sequence[Path]) -> tuple[str, list[str]]:
    """The folder that all files are below, as people write it, and their names there.

    Where some are on a disk and some are not, nothing, and their whole names.
    """
    if len(set(map(is_remote, files))) > 1:
        return "", [address(file) for file in files]
    whole = [file if is_remote(file) else file.absolute() for file in files]
    folder = os.path.commonpath([file.parent for file in whole])
    return address(Path(folder)), [os.path.relpath(file, folder) for file in whole]


def plain(place: Path) -> Path:
    """A place without what stands behind its `?`."""
    return Path(str(place).split("?")[0]) if is_remote(place) else place


def opened(path: str) -> Any:
    """A file to be read at any place."""
    if not is_remote(path):
        return pa.OSFile(path)
    system, inner = _system(Path(path))
    with _reached(Path(path)):
        return system.open_input_file(inner)


def _info(place: Path) -> Any:
    system, inner = _system(place)
    with _reached(place):
        return system.get_file_info(inner)


def _system(place: Path) -> tuple[Any, str]:
    """The file system of a remote place, and its path there."""
    scheme, *parts = plain(place).parts
    if not parts:
        raise UserError(f"{place}: expected {scheme}//, a bucket or host, and a folder")
    if "@" in parts[0]:
        raise UserError(
            f"{scheme}//...@{parts[0].rpartition('@')[2]}: keys and names do not belong in a config, of which "
            "checkpoints keep a copy: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (HDFS: ?user=NAME)"
        )
    key, query = f"{scheme}//{parts[0]}", dict(parse_qsl(str(place).partition("?")[2]))
    for name in query.keys() - _OPTIONS[scheme]:
        known = ", ".join(_OPTIONS[scheme])
        hint = did_you_mean(name, _OPTIONS[scheme])
        raise UserError(f"{address(plain(place))}: {name} means nothing behind the ?{hint}; expected {known}")
    if query or key not in _SYSTEMS:
        with _reached(place):
            _SYSTEMS[key] = _s3(parts[0], query) if scheme == "s3:" else _hdfs(parts[0], query)
    inner = "/".join(parts) if scheme == "s3:" else "/" + "/".join(parts[1:])
    return _SYSTEMS[key], inner


def _s3(bucket: str, query: dict[str, str]) -> Any:
    address = urlparse(os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "")
    given = {"endpoint_override": address.netloc, "scheme": address.scheme} if address.netloc else {}
    given |= {name: value for name in ("endpoint_override", "scheme", "region") if (value := query.get(name))}
    if "region" not in given:
        said = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        given["region"] = said or ("us-east-1" if given else pa.fs.resolve_s3_region(bucket))
    return pa.fs.S3FileSystem(**given, **_PATIENCE, retry_strategy=pa.fs.AwsStandardS3RetryStrategy(max_attempts=3))


def _hdfs(host: str, query: dict[str, str]) -> Any:
    name, _, port = host.partition(":")
    return pa.fs.HadoopFileSystem(name, int(port or 0), user=query.get("user"))  # 0: as Hadoop's settings say


@contextmanager
def _reached(place: Path) -> Iterator[None]:
    """Say of a remote place that cannot be reached what to look at."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError) as error:
        look = (
            "the address, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL"
            if str(place).startswith("s3:")
            else "the address, and that JAVA_HOME, HADOOP_HOME and CLASSPATH lead to Hadoop's libraries (libhdfs)"
        )
        why = str(error).partition("\n")[0]  # of a library that is missing, every place where it is not follows
        raise UserError(f"{address(place)}: cannot be reached: {why} (look at {look})") from None


def address(place: Path) -> str:
    """A place as people write it."""
    return str(place).replace(":/", "://", 1) if is_remote(place) else str(place)
