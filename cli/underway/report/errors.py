"""How an error is told: what is wrong, then what to do about it."""

from __future__ import annotations

from underway.errors import PlaybookInvalidError, RefusedError, UnderwayError
from underway.report.blockers import render_blockers
from underway.report.words import visible


def render_error(error: UnderwayError) -> str:
    """`error: …`, and after a blank line `hint: …`; a refusal with everything that stands in the way.

    A message may have several lines (a playbook's mistakes are laid out already); no other control character passes.
    """
    message = visible(error.message, keep="\n").rstrip()
    if isinstance(error, RefusedError):
        parts = [f"refused: nothing has been changed: {message}" if message else "refused: nothing has been changed"]
        if error.blockers:
            parts.append(render_blockers(error.blockers))
    elif isinstance(error, PlaybookInvalidError) and "\n" in message:
        parts = [message]
    else:
        parts = [f"error: {message.removesuffix('.')}"]
    if error.hint:
        parts.append(f"hint: {visible(error.hint, keep=chr(10))}")
    return "\n\n".join(parts)
