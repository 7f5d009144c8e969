"""What `underway doctor` found: what a run would refuse, then what it would not do as well as it could."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec
import yaml

from underway.engine.doctor import Finding, Severity
from underway.report.tables import paragraph
from underway.report.words import count, visible

_TITLES: dict[Severity, str] = {
    "blocks": "In the way of maintenance, a run would refuse",
    "risk": "Worth knowing, a run would go on",
}
_NOTHING = "Nothing stands in the way of maintenance without downtime."


def doctor_json(findings: Sequence[Finding]) -> str:
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode()


def doctor_yaml(findings: Sequence[Finding]) -> str:
    text: str = yaml.safe_dump(msgspec.to_builtins(findings), sort_keys=False, allow_unicode=True)
    return text.rstrip()


def doctor_result(findings: Sequence[Finding]) -> str:
    """How many of each severity, a line each."""
    if not findings:
        return _NOTHING
    return "\n".join(_title(severity, list(found)) for severity, found in _by_severity(findings))


def doctor_text(findings: Sequence[Finding]) -> str:
    if not findings:
        return _NOTHING
    lines: list[str] = []
    for severity, of_severity in _by_severity(findings):
        found = list(of_severity)
        lines += ["", f"{_title(severity, found)}:"]
        for named, of_object in groupby(found, key=lambda finding: finding.object):
            lines += ["", visible(named)]
            for finding in of_object:
                lines += paragraph(visible(finding.reason), first="  - ", indent="    ")
                lines += paragraph(visible(finding.remedy), first="    remedy: ", indent="            ")
    return "\n".join(lines[1:])


def _by_severity(findings: Sequence[Finding]) -> Iterator[tuple[Severity, Iterator[Finding]]]:
    return groupby(findings, key=lambda finding: finding.severity)


def _title(severity: Severity, found: Sequence[Finding]) -> str:
    return f"{_TITLES[severity]} ({count(len(found), 'finding')})"
