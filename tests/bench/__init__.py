"""The benchmark: `make bench`, or `python -m tests.bench [NAMES] [--quick]`. Nothing here is collected by pytest.

Every figure of speed is a ratio against a bare ceiling that runs beside it: the least program that makes the same
calls on the same machine, broker, database and payloads. The two arms take turns, several times.
"""
