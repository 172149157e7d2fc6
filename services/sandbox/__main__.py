"""`python -m services.sandbox`."""

import sys

from services.sandbox.server import main

if __name__ == "__main__":
    sys.exit(main())
