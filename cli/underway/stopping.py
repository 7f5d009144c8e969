"""What a signal does to a command that does not heed it itself: it ends it, at any moment, with LANGUAGE's status.

Nothing is raised for it. An exception that comes while Python imports may be swallowed there, or be made another one,
and the command would go on; and the imports take longer than a person does to press Ctrl-C.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from underway.errors import ExitStatus

TERMINATING = (signal.SIGTERM, signal.SIGHUP)
_undo: list[Callable[[], object]] = []


def heed_signals() -> None:
    """End this process when one comes. An event loop may take them over, for as long as it runs.

    Ctrl-C is heeded also where a shell has it ignored, as for a script's background jobs; see `is_ignored` for SIGHUP.
    """
    signal.signal(signal.SIGINT, _end)
    for number in TERMINATING:
        if not is_ignored(number):
            signal.signal(number, _end)


def is_ignored(number: signal.Signals) -> bool:
    """Whether whoever started this process wants it to go on: `nohup`, when the terminal goes away."""
    return signal.getsignal(number) is signal.SIG_IGN


@contextmanager
def undone_by(undo: Callable[[], object]) -> Iterator[None]:
    """Where the block does not come to its end, because of an exception or of a signal, `undo` is called."""
    _undo.append(undo)
    try:
        yield
    except BaseException:
        undo()
        raise
    finally:
        _undo.remove(undo)


def _end(number: int, _frame: object) -> NoReturn:
    try:
        for undo in reversed(_undo):
            undo()
        os.write(2, b"\n")
    finally:
        os._exit(ExitStatus.INTERRUPTED if number == signal.SIGINT else ExitStatus.TERMINATED)
