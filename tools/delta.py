"""What differs between two exported models: python tools/delta.py make OLD NEW --to DELTA, and apply DELTA OLD"""

from rec.scoring import command

if __name__ == "__main__":
    command.run_delta(description=__doc__)
