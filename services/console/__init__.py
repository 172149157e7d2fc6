"""The console: pages for the operator and the shop owner, and nothing that the command line cannot do."""
