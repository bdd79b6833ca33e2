"""Learn conversions that come late as they come, by many methods: python tools/stream.py -m CONFIG"""

from rec.stream import command

if __name__ == "__main__":
    command.run(description=__doc__)
