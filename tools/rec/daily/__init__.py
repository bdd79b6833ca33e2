"""tools/daily.py: each day's data evaluated on, and then trained on."""
