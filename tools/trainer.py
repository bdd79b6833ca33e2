"""Train a model directory in dynamic graph: python tools/trainer.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="dygraph", task="train", description=__doc__)
