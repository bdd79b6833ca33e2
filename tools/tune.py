"""Search for the settings that validate best, as the config's tune section says: python tools/tune.py -m CONFIG"""

from rec.tune import command

if __name__ == "__main__":
    command.run(description=__doc__)
