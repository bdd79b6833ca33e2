"""The two kinds of table that a log is written as."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

FORMATS = ("parquet", "csv")


def table_file(path: Path, form: str, schema: pa.Schema) -> pq.ParquetWriter | csv.CSVWriter:
    """A file that takes tables of a schema piece by piece, to be used in a `with`; each is a row group in Parquet."""
    if form == "parquet":
        return pq.ParquetWriter(path, schema, compression="zstd")
    return csv.CSVWriter(path, schema, write_options=csv.WriteOptions(quoting_style="none"))
