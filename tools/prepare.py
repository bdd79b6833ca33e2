"""Read a table once, and train on it as often as you like: python tools/prepare.py -m CONFIG OUT"""

from rec.prepare import command

if __name__ == "__main__":
    command.run(description=__doc__)
