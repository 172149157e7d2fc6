"""`python -m tests.bench [NAMES] [--quick]`."""

from __future__ import annotations

import sys

from tests.bench.run import main

if __name__ == "__main__":
    sys.exit(main())
