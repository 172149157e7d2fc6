"""`puente ...`: setting up, running and looking after, from a terminal or a script."""
