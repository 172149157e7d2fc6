"""The sync service: reads the log and brings systems to agree."""
