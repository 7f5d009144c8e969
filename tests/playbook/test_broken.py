"""Every broken playbook in `broken/` is told what its sibling `.expected` says: all of it, and nothing else.

After a change of words, `UPDATE_EXPECTED=1 pytest tests/playbook/test_broken.py` writes them anew: read them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from underway.playbook.diagnostics import BrokenPlaybookError
from underway.playbook.load import load_text

FOLDER = Path(__file__).parent / "broken"
BROKEN = sorted(FOLDER.glob("*.yaml"))
FOREIGN = re.compile(r"\b(?:None|True|False|dict|str)\b|pydantic|Input should|<block|<stream|while parsing|\['")


def _told(playbook: Path) -> str:
    with pytest.raises(BrokenPlaybookError) as refused:
        load_text(playbook.read_bytes(), playbook.name)
    return f"{refused.value.message}\n"


@pytest.mark.parametrize("playbook", BROKEN, ids=lambda path: path.stem)
def test_a_broken_playbook_is_told_all_its_mistakes(playbook: Path) -> None:
    told, expected = _told(playbook), playbook.with_suffix(".expected")
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("playbook", BROKEN, ids=lambda path: path.stem)
def test_a_mistake_is_told_in_the_language_s_own_words(playbook: Path) -> None:
    with pytest.raises(BrokenPlaybookError) as refused:
        load_text(playbook.read_bytes(), playbook.name)
    for found in refused.value.diagnostics:
        assert not FOREIGN.search(found.message), found.message


def test_every_expectation_belongs_to_a_playbook() -> None:
    assert {path.stem for path in FOLDER.glob("*.expected")} == {path.stem for path in BROKEN}
    assert len(BROKEN) >= 45
