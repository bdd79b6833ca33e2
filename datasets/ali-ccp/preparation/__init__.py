"""The stages behind `prepare.py`: lines to arrays, exposures to common rows, ids to new ids, columns to Parquet."""
