"""What people ask of an installation, and what it tells by itself: set up, look, explain, restore, warn.

It stands on the runtime, which knows none of it.
"""
