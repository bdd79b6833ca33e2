def integers(line):
    return [int(value) for value in line.rstrip("\n").split("\t")]
