"""Every broken playbook in `broken/` is told what its sibling `.expected` says: all of it, and nothing else.

After a change of words: `python tests/playbook/test_broken.py` writes the files anew; read what has changed.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from underway.playbook.diagnostics import BrokenPlaybookError
from underway.playbook.load import load_text

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


def _told(playbook: Path) -> str:
    with pytest.raises(BrokenPlaybookError) as refused:
        load_text(playbook.read_bytes(), playbook.name)
    return f"{refused.value.message}\n"


@pytest.mark.parametrize("playbook", BROKEN, ids=lambda path: path.stem)
def test_a_broken_playbook_is_told_all_its_mistakes(playbook: Path) -> None:
    assert _told(playbook) == playbook.with_suffix(".expected").read_text(encoding="utf-8")


def test_every_expectation_belongs_to_a_playbook() -> None:
    expected = {path.stem for path in (Path(__file__).parent / "broken").glob("*.expected")}
    assert expected == {path.stem for path in BROKEN}
    assert len(BROKEN) >= 45


if __name__ == "__main__":
    for path in BROKEN:
        path.with_suffix(".expected").write_text(_told(path), encoding="utf-8")
