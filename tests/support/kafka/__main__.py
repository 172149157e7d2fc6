"""`python -m tests.support.kafka fetch`: get the jars, print the folder that holds them."""

import sys

from tests.support.kafka import runtime
from tests.support.requirements import Unavailable


def main(arguments: list[str]) -> int:
    if arguments != ["fetch"]:
        sys.stderr.write("usage: python -m tests.support.kafka fetch\n")
        return 2
    try:
        jars = runtime.fetched_jars()
        java = runtime.find_java()
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Apache Kafka {runtime.KAFKA_VERSION}: {jars}\nJava: {java}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
