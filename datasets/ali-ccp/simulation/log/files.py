"""The two kinds of table that a log is written as."""

from pathlib import Path

import pyarrow.csv as csv
import pyarrow.parquet as pq

from simulation.log.columns import SCHEMA

FORMATS = ("parquet", "csv")


def table_file(path: Path, form: str) -> pq.ParquetWriter | csv.CSVWriter:
    """A file that takes tables of SCHEMA piece by piece, to be used in a `with`; each is a row group in Parquet."""
    if form == "parquet":
        return pq.ParquetWriter(path, SCHEMA, compression="zstd")
    return csv.CSVWriter(path, SCHEMA, write_options=csv.WriteOptions(quoting_style="none"))
