"""Groups of pods: a controller's, a selector's. What is asked of all of them is answered once and kept current pod by
pod, so that a workload of thousands costs no more at each change than one of three.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, ValuesView
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from underway.cluster.indexes import Selecting
from underway.cluster.model import Owner, Pod, Ref
from underway.units import Selector

_A = TypeVar("_A", bound=Hashable)
_Pods: TypeAlias = dict[str, Pod]
"""By UID, in the order in which they came."""
_NOBODY: Mapping[str, Pod] = {}


@dataclass(slots=True)
class _Sorted:
    question: Callable[[Pod], Any]
    answers: dict[str, Any]
    """By UID."""
    pods: dict[Any, _Pods]
    """By answer; no answer without a pod."""

    def take_in(self, uid: str, new: Pod | None) -> None:
        answer = self.question(new) if new is not None else None
        known = uid in self.answers
        if known:
            before = self.answers[uid]
            if new is not None and before == answer:
                self.pods[before][uid] = new
                return
            members = self.pods[before]
            del members[uid]
            if not members:
                del self.pods[before]
        if new is not None:
            self.answers[uid] = answer
            self.pods.setdefault(answer, {})[uid] = new
        elif known:
            del self.answers[uid]


class Group:
    """Pods by UID, and sorted by the answers to the questions that have been asked."""

    def __init__(self, pods: Iterable[Pod]) -> None:
        self._pods: _Pods = {pod.uid: pod for pod in pods}
        self._sorted: dict[Hashable, _Sorted] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    @property
    def pods(self) -> ValuesView[Pod]:
        return self._pods.values()

    def sorted_by(self, question: Callable[[Pod], _A], key: Hashable = None) -> Mapping[_A, Mapping[str, Pod]]:
        """Its pods, by UID, under what they answer. An answer must follow from the pod, and from what makes
        `Groups.ask_again` be called. `key`: the question of this name that was asked before is forgotten; without, it
        is its own name.
        """
        known = self._sorted.get(key or question)
        if known is None or known.question != question:
            known = self._sorted[key or question] = _Sorted(question, {}, {})
            for uid, pod in self._pods.items():
                known.take_in(uid, pod)
        return known.pods

    def where(self, question: Callable[[Pod], _A], answer: _A) -> Mapping[str, Pod]:
        """The pods that give this answer, by UID."""
        return self.sorted_by(question).get(answer, _NOBODY)

    def take_in(self, uid: str, new: Pod | None) -> None:
        """The pod is another one now, or none any more; or what it answers may be. It need not have been there."""
        if new is not None:
            self._pods[uid] = new
        else:
            self._pods.pop(uid, None)
        for found in self._sorted.values():
            found.take_in(uid, new)


class Selection(Group):
    """The pods of a namespace that a selector selects."""

    def __init__(self, ref: Ref, selector: Selector, pods: Iterable[Pod]) -> None:
        super().__init__(pods)
        self.ref = ref
        """That of nothing else: it is filed under it."""
        self.selector = selector


class Groups:
    """The groups of which something has been asked, and who belongs to which."""

    def __init__(self) -> None:
        self._made = 0
        self._crews: dict[str, Group] = {}
        self._selections: dict[tuple[str, Selector], Selection] = {}
        self._by_label = Selecting[Selection](lambda selection: selection.selector.demands())

    def crew(self, owner_uid: str, pods: Iterable[Pod]) -> Group:
        """The pods of a controller; `pods` is asked only for one that is not known yet. Nobody keeps a group for longer
        than he looks: one that has lost its last pod is forgotten.
        """
        found = self._crews.get(owner_uid)
        if found is None:
            found = Group(pods)
            if len(found):
                self._crews[owner_uid] = found
        return found

    def selection(self, namespace: str, selector: Selector) -> Selection | None:
        return self._selections.get((namespace, selector))

    def select(self, namespace: str, selector: Selector, pods: Iterable[Pod]) -> Selection:
        """Begin to keep a selection, of which these are the pods."""
        self._made += 1
        found = Selection(Ref("selection", namespace, str(self._made)), selector, pods)
        if len(found):
            self._selections[namespace, selector] = found
            self._by_label.put(found.ref, found)
        return found

    def replace(self, old: Pod | None, new: Pod | None) -> None:
        """A pod has come, gone or become another one."""
        before = self._around(old) if old is not None else []
        stays = old is not None and new is not None and (old.uid, old.owner) == (new.uid, new.owner)
        after = before
        if not stays or old is None or new is None or old.labels != new.labels:
            after = self._around(new) if new is not None else []
        for group in before:
            if old is not None and (not stays or group not in after):
                group.take_in(old.uid, None)
        for group in after:
            if new is not None:
                group.take_in(new.uid, new)
        for group in before:
            if old is not None and not len(group):
                self._forget(group, old)

    def _forget(self, group: Group, last: Pod) -> None:
        if isinstance(group, Selection):
            self._selections.pop((group.ref.namespace, group.selector), None)
            self._by_label.drop(group.ref)
        elif last.owner is not None:
            self._crews.pop(last.owner.uid, None)

    def ask_again(self, pods: Iterable[Pod | None]) -> None:
        """What these pods answer may be something else now, though they are the same."""
        for pod in pods if self._crews or self._selections else ():
            if pod is not None:
                self.replace(None, pod)

    def _around(self, pod: Pod) -> list[Group]:
        """The groups that the pod belongs to."""
        found: list[Group] = []
        if self._selections:
            selections = self._by_label.candidates(pod.namespace, pod.labels)
            found += [selection for selection in selections if selection.selector.matches(pod.labels)]
        crew = self._crews.get(pod.owner.uid) if self._crews and pod.owner is not None else None
        if crew is not None:
            found.append(crew)
        return found


def is_standing(pod: Pod) -> bool:
    """Ready, and to stay: what counts as healthy for a budget, and as an endpoint for a Service."""
    return pod.ready and pod.deleting is None


def owner_of(pod: Pod) -> Owner | None:
    return pod.owner
