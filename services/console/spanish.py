"""x"""

SPANISH: dict[str, str] = {}
