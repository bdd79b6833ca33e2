"""A table prepared by the workers of a Spark cluster: the same files as by one process, bit for bit.

The driver looks at the files; workers count rows and values, and write each part's pieces (`rec.prepare.pieces`); the
driver puts together what they have counted, in the pieces' order, and joins what they have written.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from rec.console import Bar
from rec.data.reader import Part
from rec.data.table import Table
from rec.data.tables.parts import RowsOfPart
from rec.data.tabular import TabularReader
from rec.data.vocabulary import Vocabulary
from rec.errors import UserError
from rec.prepare.pieces import Count, Learn, Write
from rec.run.native import NativeDirectory

_TOOLS = str(Path(__file__).resolve().parents[2])
_AT_ONCE = 4
"""Pieces for each of the cluster's cores whose results the driver holds."""


class Spread:
    """A Spark context, of which work is asked.

    Args:
        master: of the cluster; None: spark-submit's, else this machine's cores.

    Raises:
        UserError: PySpark or Java is missing, or the cluster is not to be had.
    """

    def __init__(self, master: str | None) -> None:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ["PYTHONPATH"] = os.pathsep.join([_TOOLS, *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            from pyspark import SparkConf, SparkContext
        except ImportError:
            raise UserError(
                "tools/spark_prepare.py needs PySpark, and Java: pip install -r requirements-spark.txt"
            ) from None
        conf = SparkConf().setAppName("prepare").set("spark.executorEnv.PYTHONPATH", _TOOLS)
        if master or not conf.get("spark.master"):
            conf.setMaster(master or "local[*]")
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        try:
            self._context = SparkContext.getOrCreate(conf)
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"Spark does not start: it needs Java (JAVA_HOME) and its master: {reason}") from None
        self._context.setLogLevel("ERROR")

    def ask(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        """The results of tasks, in their order.

        Raises:
            UserError: what a task raised, or the workers fail.
        """
        shared, size = self._context.broadcast(work), _AT_ONCE * max(1, self._context.defaultParallelism)
        for start in range(0, len(tasks), size):
            some = tasks[start : start + size]
            try:
                done = self._context.parallelize(some, len(some)).map(_guarded(shared)).collect()
            except Exception as error:
                raise UserError(f"Spark's workers failed: {_last_said(error)}") from None
            for result, wrong in done:
                if wrong is not None:
                    raise UserError(wrong)
                yield result
        shared.unpersist()

    def stop(self) -> None:
        """No more work will be asked."""
        self._context.stop()


def _last_said(error: Exception) -> str:
    """Of a Java exception with a Python traceback in it what Python said last, such as ImportError: ..."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"\w+(Error|Exception): ", line)]
    return (python or lines or [type(error).__name__])[-1 if python else 0][:300]


def _guarded(shared: Any) -> Callable[[Any], tuple[Any, str | None]]:
    """Does a task, and says what is wrong: a user's mistake is nothing to try again."""

    def outcome(task: Any) -> tuple[Any, str | None]:
        try:
            return shared.value(task), None
        except UserError as error:
            return None, str(error)

    return outcome


class SparkReader(TabularReader):
    """A table's reader whose rows a cluster counts, and learns the vocabulary of; the rest as for any reader."""

    def __init__(self, spread: Spread, *given: Any) -> None:
        self.spread = spread
        super().__init__(*given)

    def _counted(self) -> Iterable[int]:
        return self.spread.ask(Count(self.of_part), range(len(self.of_part.source.fragments)))

    def _learned(self, tables: Sequence[Table], before: Vocabulary | None) -> Vocabulary:
        if tables:  # few rows, which have been read
            return super()._learned(tables, before)
        together, learn = self.survey(), Learn(self.of_part, self.survey(), self.judge)
        with Bar("vocabulary", len(self)) as bar:
            found = self.spread.ask(learn, [number for number, _ in self.numbered])
            for part, survey in zip(self._parts, found, strict=True):
                together.join(survey)
                bar.advance(part.rows)
        return together.vocabulary()

    def write(self, folder: Path) -> Iterator[Path]:
        """Have the pieces written to a folder; their files, in order."""
        assert self.vocabulary is not None
        encode = replace(self._encode, vocabulary=replace(self.vocabulary))  # without what it has looked up here
        yield from self.spread.ask(Write(self.of_part, encode, folder), self.numbered)

    @property
    def numbered(self) -> list[tuple[int, int]]:
        """Of each piece the number of its fragment, and of its first row among all."""
        numbers = {fragment: number for number, fragment in enumerate(self.of_part.source.fragments)}
        parts: Sequence[RowsOfPart] = self._parts
        return [(numbers[part.fragment], part.first) for part in parts]


class BySpark:
    """The workers of a cluster."""

    def __init__(self, spread: Spread) -> None:
        self._spread = spread

    def open(self, directory: NativeDirectory, part: Part, vocabulary: Vocabulary | None) -> TabularReader:
        config = directory.config.merged({"runner": {"label_policy": "keep"}})
        places = config.places(config.runner.model_dump()[f"{part}_data_dir"])
        return SparkReader(self._spread, TabularReader.files(config, places), config, part, vocabulary, directory.rules)

    def batches(self, reader: TabularReader, folder: Path) -> Iterator[pa.RecordBatch]:
        assert isinstance(reader, SparkReader)
        pieces = folder / f"pieces-{reader.part}"
        pieces.mkdir()
        for path in reader.write(pieces.resolve()):
            if not path.is_file():
                raise UserError(f"{path}: a worker wrote it, and it is not here: OUT must be a folder that all see")
            with pa.memory_map(str(path)) as file:
                yield pa.ipc.open_file(file).get_batch(0)
            path.unlink()
        pieces.rmdir()
