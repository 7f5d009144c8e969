"""What is told of a pod that will not do holds no secret that can be known by its look."""

from __future__ import annotations

import pytest

from underway.cluster.evidence import LINES, last_lines, without_secrets


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ('{"api_key": "abc123", "level": "error"}', "abc123"),
        ("DB_PASSWORD: hunter2", "hunter2"),
        ("secretAccessKey='wJalr/XUtn'", "wJalr/XUtn"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("connecting to postgres://app:hunter2@db:5432/shop", "hunter2"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWIiOiIxIn0"),
        ("-----BEGIN RSA PRIVATE KEY-----MIIE", "MIIE"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str, secret: str) -> None:
    told = without_secrets(line)
    assert secret not in told
    assert "[hidden]" in told


def test_what_is_none_stays_as_it_is() -> None:
    line = "panic: no such table: orders (see https://example.org/help)"
    assert without_secrets(line) == line


def test_only_the_last_lines_are_told_and_none_is_endless() -> None:
    told = last_lines([f"line {number}" for number in range(50)] + ["", "x" * 5000])
    assert len(told) == LINES
    assert told[0] == "line 43"
    assert len(told[-1]) == 300
