"""Lets the tests of this folder import `play` and the simulation's `scenes`, under pytest's importlib mode."""

from __future__ import annotations

import sys
from pathlib import Path

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "simulated"):
    sys.path.insert(0, str(folder))
