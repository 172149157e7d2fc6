"""The demo: everything in one process, with a story that is told while it happens and measured."""
