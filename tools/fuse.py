"""Search the formula that ranks best by a model's predictions: python tools/fuse.py PREDICTIONS --to DIR"""

from rec.fuse import command

if __name__ == "__main__":
    command.run(description=__doc__)
