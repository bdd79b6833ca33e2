"""Evaluate a model directory in dynamic graph: python tools/infer.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="dygraph", task="infer", description=__doc__)
