"""The live display as a picture of `Progress`: steps, their nodes, the pods in motion, and what keeps an eye on them.

Pure: the same progress, width and height give the same picture. It is never higher than asked. What has to give way
first is what is finished or has not begun; what is in motion, and what is waited for, stays longest. Names come from
clusters, so all text is `Text`, never markup, and has its control characters made visible.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text
from rich.tree import Tree

from underway.report.progress import FINISHED, NodeProgress, PodProgress, Progress, StepProgress
from underway.report.pulse import UNICODE, Symbols, fitted, one_line, watched
from underway.report.words import between, count, in_words, visible

_GUIDE = 4
"""Columns a tree takes for each level."""
_BAR = 20
_NAME = 44
"""Node names up to this long stand in a column; longer ones stay whole and push the rest."""


_ROOMY = 12
"""From this height on there is a line to spare between what scrolls and what stays."""


@dataclass(frozen=True)
class Frame:
    now: datetime
    width: int
    symbols: Symbols

    def label(self, symbol: str, style: str, *parts: str) -> Text:
        """Parts in one line; the first is the name, and is cut last."""
        said = "  ".join(visible(part) for part in parts if part)
        return one_line((f"{symbol} ", style), said)

    def since(self, start: datetime | None) -> str:
        return between(start, self.now) if start else ""


def picture(progress: Progress, width: int, height: int, symbols: Symbols = UNICODE) -> Group:
    if not progress.now:
        return Group()
    frame = Frame(progress.now, width, symbols)
    top = [Text(), *_header(progress, frame)] if height >= _ROOMY else _header(progress, frame)
    below = watched(progress, width, symbols, most=max(height // 3, 2))
    room = max(height - len(top) - len(below), 1)
    return Group(*top, _steps(progress, frame, room), *below)


def _header(progress: Progress, frame: Frame) -> list[Text]:
    title = one_line((visible(progress.playbook), "bold"))
    if progress.simulated:
        title.append("  SIMULATED", style="bold magenta")
    rest = f"  on {progress.cluster}  {frame.since(progress.started)}  run {progress.run}"
    lines = [title.append(fitted(visible(rest), frame.width - title.cell_len, frame.symbols))]
    if progress.restoring:
        why = f"{frame.symbols.restored} putting back what was changed: {progress.restoring}"
        lines.append(one_line((fitted(visible(why), frame.width, frame.symbols), "bold yellow")))
    return lines


def _steps(progress: Progress, frame: Frame, room: int) -> Tree:
    tree = Tree("", hide_root=True, guide_style="bright_black")
    current = progress.current() if any(step.started for step in progress.steps) or not progress.steps else None
    position = progress.steps.index(current) if current else -1
    before, after = progress.steps[: max(position, 0)], progress.steps[position + 1 :]
    spare = room - (len(current.nodes) if current else 0) - 1
    if len(before) + len(after) > max(spare, 2):
        labels_before = [frame.label(frame.symbols.done, "green", f"{count(len(before), 'step')} before")]
        labels_after = [frame.label(frame.symbols.pending, "bright_black", f"{count(len(after), 'step')} to come")]
        labels_before, labels_after = labels_before[: len(before)], labels_after[: len(after)]
    else:
        labels_before = [_step(step, frame) for step in before]
        labels_after = [_step(step, frame) for step in after]
    for label in labels_before:
        tree.add(label)
    if current:
        branch = tree.add(_step(current, frame))
        _nodes(branch, current, progress, frame, room - len(labels_before) - len(labels_after) - 1)
    for label in labels_after:
        tree.add(label)
    return tree


def _step(step: StepProgress, frame: Frame) -> Text:
    if not step.started:
        return frame.label(frame.symbols.pending, "bright_black", step.name)
    if step.outcome and step.ended:
        good = step.outcome == "done"
        symbol, style = (frame.symbols.done, "green") if good else (frame.symbols.failed, "red")
        return frame.label(symbol, style, step.name, f"{in_words(step.outcome)} in {between(step.started, step.ended)}")
    finished = sum(node.phase in FINISHED for node in step.nodes.values())
    nodes = f"{finished:,} of {count(len(step.nodes), 'node')}" if step.nodes and step.verb != "rollout" else step.verb
    return frame.label(frame.symbols.active, "cyan", step.name, nodes, frame.since(step.started))


def _nodes(branch: Tree, step: StepProgress, progress: Progress, frame: Frame, room: int) -> None:
    nodes = list(step.nodes.values())
    moving = [node for node in nodes if node.phase not in FINISHED and node.phase != "pending"]
    finished = [node for node in nodes if node.phase in FINISHED]
    pending = [node for node in nodes if node.phase == "pending"]
    wanted = sum(1 + len(_rows(node, progress)) for node in moving)
    column = min(max((len(visible(node.name)) for node in nodes), default=0), _NAME)

    if len(finished) + wanted + len(pending) <= room:
        shown, hidden = nodes, []
    elif len(finished) + wanted + 1 <= room:
        shown, hidden = finished + moving, pending
    else:
        troubled = [node for node in finished if node.phase == "failed"][-2:]
        shown, hidden = troubled + moving, [node for node in nodes if node not in troubled and node not in moving]
    summary = _hidden(hidden)
    most = max(room - bool(summary), 1)
    if len(shown) > most:
        summary = _hidden([*hidden, *shown[most:]])
        shown = shown[:most]
    spare = most - len(shown)
    for node in shown:
        child = branch.add(_node(node, column, frame))
        in_motion = [other for other in shown[shown.index(node) :] if other in moving]
        share = spare // len(in_motion) if node in moving else 0
        spare -= _pods(child, node, progress, frame, share)
    if summary and room > 0:
        branch.add(frame.label(frame.symbols.pending, "bright_black", summary))


def _hidden(nodes: list[NodeProgress]) -> str:
    """`12 nodes done, 80 pending`."""
    phases = Counter(node.phase for node in nodes)
    return ", ".join(f"{count(number, 'node')} {phase}" for phase, number in phases.items())


def _node(node: NodeProgress, column: int, frame: Frame) -> Text:
    symbols = frame.symbols
    name, reason = visible(node.name).ljust(column), node.reason
    moved = count(node.moved, "pod") + " moved"
    match node.phase:
        case "pending":
            return frame.label(symbols.pending, "bright_black", name, "pending")
        case "done":
            took = between(node.started, node.ended) if node.started and node.ended else ""
            return frame.label(symbols.done, "green", name, f"done in {took}" if took else "done", moved, reason)
        case "failed":
            return frame.label(symbols.failed, "red", name, "failed", reason)
        case "restored":
            return frame.label(symbols.restored, "yellow", name, "restored", reason)
        case "draining" | "rolling" | "serving" | "alone" | "restoring" | "back":
            total = max(node.to_move, node.moved)
            pods = f"{node.moved} of {count(total, 'pod')}"
            text = frame.label(symbols.active, "cyan", name, node.phase.ljust(11))
            filled = _BAR if not total else _BAR * node.moved // total
            text.append("  " + symbols.filled * filled, style="cyan")
            text.append(symbols.empty * (_BAR - filled), style="bright_black")
            return text.append(f"  {pods}  {frame.since(node.started)}")
        case _:
            took = frame.since(node.started)
            return frame.label(symbols.active, "cyan", name, node.phase.ljust(11), took, moved, reason)


@dataclass(frozen=True)
class _Row:
    name: str
    """Empty: it is about the node itself."""
    doing: str
    why: str


def _rows(node: NodeProgress, progress: Progress) -> list[_Row]:
    """The node's own waits, then its pods in motion: changed or waited for, and not gone yet."""
    now = progress.now
    waits = {named: (reason, since) for (named, reason), since in progress.waits.items()}
    rows = []
    if now and (own := waits.get(f"node/{node.name}")):
        rows.append(_Row("", f"waiting {between(own[1], now)}", own[0]))
    for pod in node.pods.values():
        wait = waits.get(pod.object)
        if pod.moved or not (pod.says or wait):
            continue
        waited = f"{pod.verdict} {between(wait[1], now)}" if wait and now else pod.verdict
        rows.append(_Row(pod.object.removeprefix("pod/"), waited, wait[0] if wait else pod.says))
    return rows


def _rest(node: NodeProgress, shown: int, rows: list[_Row]) -> str:
    """The pods that have no row: `12 more in motion, 76 to come (70 handoff, 6 evict), 4 stay`."""
    named = {f"pod/{row.name}" for row in rows}
    still: list[PodProgress] = [pod for pod in node.pods.values() if not pod.moved and pod.object not in named]
    stay = sum(pod.verdict == "skip" for pod in still)
    verdicts = Counter(pod.verdict for pod in still if pod.verdict != "skip")
    parts = [f"{len(rows) - shown} more in motion"] if len(rows) > shown else []
    if verdicts:
        kinds = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
        parts.append(f"{count(verdicts.total(), 'pod')} to come ({kinds})")
    if stay:
        parts.append(f"{count(stay, 'pod')} {'stays' if stay == 1 else 'stay'}")
    return ", ".join(parts)


def _pods(branch: Tree, node: NodeProgress, progress: Progress, frame: Frame, room: int) -> int:
    """Draw what fits into `room` lines, and return how many it took."""
    rows = _rows(node, progress) if room > 0 else []
    if room <= 0:
        return 0
    rest = _rest(node, len(rows), rows) if node.phase in ("draining", "rolling") else ""
    fits = len(rows) + bool(rest) <= room
    shown = rows if fits else rows[: room - 1]
    if not fits:
        rest = _rest(node, len(shown), rows)
    width = frame.width - 2 * _GUIDE
    name_column = max((len(visible(row.name)) for row in shown), default=0)
    lines = 0
    for index, row in enumerate(shown):
        name = f"{visible(row.name).ljust(name_column)}  " if row.name else ""
        said = one_line(f"{frame.symbols.moving} {name}", (f"{row.doing}: ", "cyan"))
        why, spare = visible(row.why), room - lines - (len(shown) - index) - bool(rest)
        if said.cell_len + cell_len(why) > width and spare > 0:
            said.append(f"\n    {fitted(why, width - _GUIDE, frame.symbols)}")
            lines += 1
        else:
            said.append(fitted(why, width - said.cell_len, frame.symbols))
        branch.add(said)
        lines += 1
    if rest:
        branch.add(Text(fitted(f"{frame.symbols.pending} {rest}", width, frame.symbols), style="bright_black"))
    return lines + bool(rest)
