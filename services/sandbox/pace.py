"""How many requests an account saw in its busiest minute: what a quota per minute is held against."""

from collections import deque

MINUTE = 60.0


class Pace:
    """Requests of one account. The minute may begin anywhere."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self.busiest = 0

    def note(self, at: float) -> None:
        """A request came in at this moment, in seconds."""
        recent = self._recent
        recent.append(at)
        while recent[0] <= at - MINUTE:
            recent.popleft()
        self.busiest = max(self.busiest, len(recent))
