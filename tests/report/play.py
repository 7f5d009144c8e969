"""Play a recorded run to the view, to look at it: `python tests/report/play.py RUN [--speed 5] [-v] …`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from recorded_runs import RUNS

from underway.report.views import view_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", choices=sorted(RUNS))
    parser.add_argument("--speed", type=float, default=5.0, help="times as fast as it was")
    parser.add_argument("--until", type=int, default=sys.maxsize, help="stop after so many events")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("--no-color", action="store_false", dest="color", default=None)
    asked = parser.parse_args()
    view = view_for(
        sys.stdout, sys.stderr, output=asked.output, quiet=asked.quiet, verbose=asked.verbose, color=asked.color
    )
    events = RUNS[asked.run]()[: asked.until]
    before = events[0].at
    try:
        for event in events:
            time.sleep((event.at - before).total_seconds() / asked.speed)
            before = event.at
            view.show(event)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        view.close()


if __name__ == "__main__":
    main()
