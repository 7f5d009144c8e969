"""A stream that may go away. Maintenance goes on when nobody reads about it any more."""

from __future__ import annotations

import errno
import io
import os
from typing import TextIO

_NOBODY_READS = (errno.EPIPE, errno.EIO, errno.EBADF)


class Outlet(io.TextIOBase):
    """Writes to `stream` until that fails (a closed pipe, a terminal that hung up), from then on to nothing.

    A character that the stream's encoding lacks is written as an escape. Rich ends the process at a broken pipe, which
    would leave a cluster half changed; behind an outlet it never sees one.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._gone = False
        self.lost: OSError | None = None
        """Why what was written did not arrive although somebody wanted it: a full disk, but no pipe that was closed."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed: an attribute; a reader cannot tell
        return self._encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._gone:
            encodable = text.encode(self._encoding, "backslashreplace").decode(self._encoding)
            try:
                self._stream.write(encodable)
            except OSError as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if not self._gone:
            try:
                self._stream.flush()
            except OSError as error:
                self._give_up(error)

    def line(self, text: str) -> None:
        """Write one line, for a reader who follows."""
        self.write(text + "\n")
        self.flush()

    def _give_up(self, error: OSError) -> None:
        """What Python still holds for the stream goes nowhere, or it would complain about it when it exits."""
        self._gone = True
        self.lost = None if error.errno in _NOBODY_READS else error
        try:
            descriptor = self._stream.fileno()
        except OSError:
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
