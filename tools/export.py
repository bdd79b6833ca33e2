"""Export a trained model as one folder: python tools/export.py -m CONFIG --to DIR"""

from rec.scoring import command

if __name__ == "__main__":
    command.run_export(description=__doc__)
