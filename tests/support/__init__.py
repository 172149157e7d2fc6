"""What the tests stand on: real servers, child processes, waiting with a deadline. See `tests/README.md`."""
