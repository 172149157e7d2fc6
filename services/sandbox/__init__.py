"""The vendors' APIs as small servers with memory, hooks, faults and switches. Imports nothing of the bridge."""
