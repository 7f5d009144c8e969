"""What `underway doctor` found: what a run would refuse, then what it would not do as well as it could."""

from __future__ import annotations

from collections.abc import Sequence
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


def doctor_json(findings: Sequence[Finding]) -> str:
    return msgspec.json.format(msgspec.json.encode(findings), indent=2).decode()


def doctor_yaml(findings: Sequence[Finding]) -> str:
    text: str = yaml.safe_dump(msgspec.to_builtins(findings), sort_keys=False, allow_unicode=True)
    return text.rstrip()


def doctor_text(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing stands in the way of maintenance without downtime."
    lines: list[str] = []
    for severity, of_severity in groupby(findings, key=lambda finding: finding.severity):
        found = list(of_severity)
        lines += ["", f"{_TITLES[severity]} ({count(len(found), 'finding')}):"]
        for named, of_object in groupby(found, key=lambda finding: finding.object):
            lines += ["", visible(named)]
            for finding in of_object:
                lines += paragraph(visible(finding.reason), first="  - ", indent="    ")
                lines += paragraph(visible(finding.remedy), first="    remedy: ", indent="            ")
    return "\n".join(lines[1:])
