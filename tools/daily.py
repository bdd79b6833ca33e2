"""Walk over the days of a log, each evaluated before it is trained on: python tools/daily.py -m CONFIG"""

from rec.daily import command

if __name__ == "__main__":
    command.run(description=__doc__)
