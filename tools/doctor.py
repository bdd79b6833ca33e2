"""Check config, data and model before a long run: python tools/doctor.py -m models/multitask/esmm/config.yaml"""

from rec.doctor import command

if __name__ == "__main__":
    command.run(description=__doc__)
