"""A page of rows worked through in portions: what else is ready has its turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

T = TypeVar("T")

# The hashes of a record take a tenth of a millisecond or two; those of a whole page at once, as long as a change.
PORTION = 10


async def in_portions(rows: Sequence[T]) -> AsyncIterator[T]:
    """These rows in their order; the loop comes round after every few of them."""
    for at, row in enumerate(rows):
        if at and at % PORTION == 0:
            await asyncio.sleep(0)
        yield row
