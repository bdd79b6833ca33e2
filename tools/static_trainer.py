"""Train a model directory in static graph: python tools/static_trainer.py -m models/multitask/esmm/config.yaml"""

from rec import cli

if __name__ == "__main__":
    cli.run(mode="static", task="train", description=__doc__)
