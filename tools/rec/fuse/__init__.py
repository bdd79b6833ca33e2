"""tools/fuse.py: a ranking formula searched over predictions."""
