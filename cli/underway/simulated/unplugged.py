"""An event loop for what happens in virtual time alone: nobody out there has anything to say, so nobody is asked."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Unasked(selectors.SelectSelector):
    """Asks the kernel only when the loop has nothing else to do."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return [] if timeout is not None and timeout <= 0 else super().select(timeout)


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """As `asyncio.run`, without a system call each time round."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(_Unasked())) as runner:
        return runner.run(main)
