"""Evaluate a model directory in static graph: python tools/static_infer.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="static", task="infer", description=__doc__)
