"""Read a table once, by a Spark cluster: spark-submit tools/spark_prepare.py -m CONFIG OUT"""

from rec.prepare import command

if __name__ == "__main__":
    command.run(description=__doc__, spark=True)
