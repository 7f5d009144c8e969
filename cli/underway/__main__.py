"""Where the process begins and ends; `python -m underway` comes here too."""

from __future__ import annotations

import gc
import os
import sys

from underway.stopping import heed_signals

COLLECT_AFTER = 100_000


def main() -> None:
    """Run the command line and exit. A stream that the caller has closed takes what is written and forgets it.

    All has been written and closed by then, so the process ends at once: Python would first take itself apart.
    """
    heed_signals()
    # what imports make stays as long as the process: looking through it again and again takes a sixth of the start
    gc.set_threshold(COLLECT_AFTER)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for good
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for good
    from underway.commands.app import answer  # noqa: PLC0415 - a signal may come meanwhile

    os._exit(answer())


if __name__ == "__main__":
    main()
