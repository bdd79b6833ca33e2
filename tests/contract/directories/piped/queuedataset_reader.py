"""Turns lines into the MultiSlot protocol: for each slot the number of values, and the values."""
import sys

for line in sys.stdin:
    label, user, item, price = line.strip().split("|")
    print("1 %s 2 %s %d 1 %s" % (label, user, 20 + int(item), price))
