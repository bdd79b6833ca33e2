"""tools/stream.py: conversions that come late, in the order in which they become known."""
