"""The door: authenticate a hook, append its changes to the log, answer 2xx. It has no database."""
