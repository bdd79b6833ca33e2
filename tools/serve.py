"""Rank candidates over HTTP with an exported model: python tools/serve.py EXPORT"""

from rec.serving import command

if __name__ == "__main__":
    command.run(description=__doc__)
