"""What is told about a pod that would not do."""

from __future__ import annotations

from underway.engine.events import PodEvidence


def evidence_lines(found: PodEvidence) -> list[str]:
    """One line each; not yet escaped."""
    lines = [f"{found.pod}: event: {said}" for said in found.events]
    lines += [f"{found.pod}: log: {said}" for said in found.log]
    return [*lines, f"{found.pod}: {found.trouble}"] if found.trouble else lines
