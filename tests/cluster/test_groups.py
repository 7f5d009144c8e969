"""Groups are kept current pod by pod; whatever happens, they are what a look at all pods would find."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from underway.cluster.groups import Group, Groups, is_standing, owner_of
from underway.cluster.model import EndpointSlice, Owner, Pod, Service
from underway.cluster.state import ClusterState
from underway.cluster.traffic import serves
from underway.units import Requirement, Selector, equality_selector

_NAMESPACES, _NAMES, _UIDS = ("shop", "bank"), ("a", "b", "c"), ("1", "2", "3", "4")
_OWNERS = (None, Owner("ReplicaSet", "web", "rs-web"), Owner("StatefulSet", "db", "sts-db"))
_LABELS = ({}, {"app": "web"}, {"app": "web", "hash": "1"}, {"app": "db"})
_SELECTORS = (
    equality_selector([("app", "web")]),
    equality_selector([("app", "web"), ("hash", "1")]),
    Selector((Requirement("app", "Exists", ()),)),
    Selector(),
)
_PODS = st.builds(
    Pod,
    uid=st.sampled_from(_UIDS),
    namespace=st.sampled_from(_NAMESPACES),
    name=st.sampled_from(_NAMES),
    labels=st.sampled_from(_LABELS),
    owner=st.sampled_from(_OWNERS),
    ready=st.booleans(),
    node=st.sampled_from(("", "n1")),
)
_SERVICES = st.builds(
    Service,
    uid=st.just("svc"),
    namespace=st.sampled_from(_NAMESPACES),
    name=st.sampled_from(("web", "all")),
    selector=st.sampled_from(_LABELS),
)
_SLICES = st.builds(
    EndpointSlice,
    uid=st.just("slice"),
    namespace=st.sampled_from(_NAMESPACES),
    name=st.sampled_from(("one", "two")),
    service=st.sampled_from(("web", "all")),
    ready=st.frozensets(st.sampled_from(_UIDS)),
)
_DROPS = st.one_of(_PODS, _SERVICES, _SLICES).map(lambda found: found.ref)
_CHANGES = st.lists(st.one_of(_PODS, _PODS, _SERVICES, _SLICES, _DROPS), max_size=25)


class _Serves:
    """The same question whoever asks it, about one state."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    def __call__(self, pod: Pod) -> bool:
        return serves(pod, self._state)


def _fresh(pods: Iterable[Pod], serves: _Serves) -> tuple[object, ...]:
    found = {pod.uid: pod for pod in pods}
    sorted_anew = [
        {
            answer: {uid: pod for uid, pod in found.items() if question(pod) == answer}
            for answer in set(map(question, found.values()))
        }
        for question in (is_standing, owner_of, serves)
    ]
    return (found, *sorted_anew)


def _kept(group: Group, serves: _Serves) -> tuple[object, ...]:
    asked = [group.sorted_by(question) for question in (is_standing, owner_of, serves)]
    return ({pod.uid: pod for pod in group.pods}, *asked)


_WEB = [Service(uid="svc", namespace=namespace, name="web", selector={"app": "web"}) for namespace in _NAMESPACES]
_FIRST = [
    Pod(uid=uid, namespace="shop", name=name, labels=_LABELS[1], owner=_OWNERS[1], ready=True, node="n1")
    for uid, name in (("1", "a"), ("2", "b"))
]


@given(_CHANGES)
def test_whatever_happens_a_group_is_what_a_look_at_all_pods_finds(changes: list[object]) -> None:
    state = ClusterState([*_WEB, *_FIRST])
    serves_ = _Serves(state)
    for change in (None, *changes):
        if change is not None:
            _bring(state, change)
        for namespace in _NAMESPACES:
            for selector in _SELECTORS:
                found = [pod for pod in state.pods_in(namespace) if selector.matches(pod.labels)]
                assert _kept(state.selection(namespace, selector), serves_) == _fresh(found, serves_)
        for owner in filter(None, _OWNERS):
            assert _kept(state.crew(owner.uid), serves_) == _fresh(state.pods_of(owner.uid), serves_)


def _bring(state: ClusterState, change: object) -> None:
    match change:
        case Pod():
            # a UID is one pod's alone
            other = state.pod(change.uid)
            if other is None or other.ref == change.ref:
                state.put(change)
        case Service() | EndpointSlice():
            state.put(change)
        case _:
            state.drop(change)


def test_a_question_of_the_same_name_takes_the_place_of_the_one_before() -> None:
    group = Group([Pod(uid="1", namespace="shop", name="a", node="n1")])
    assert set(group.sorted_by(lambda pod: pod.node, key="where")) == {"n1"}
    assert set(group.sorted_by(lambda pod: pod.name, key="where")) == {"a"}


def test_a_group_without_pods_is_not_kept_and_one_that_has_lost_its_last_is_forgotten() -> None:
    pod = Pod(uid="1", namespace="shop", name="a", labels={"app": "web"}, owner=_OWNERS[1])
    orphaned = msgspec.structs.replace(pod, owner=None)
    groups = Groups()
    for number in range(3):
        assert not len(groups.crew("rs-web", ()))
        assert groups.selection("shop", _SELECTORS[0]) is None
        groups.replace(None, pod)
        crew = groups.crew("rs-web", (pod,))
        selection = groups.select("shop", _SELECTORS[0], (pod,))
        assert groups.crew("rs-web", ()) is crew
        assert groups.selection("shop", _SELECTORS[0]) is selection
        groups.replace(pod, orphaned)
        assert list(selection.pods) == [orphaned], number
        assert not len(crew)
        groups.replace(orphaned, None)


def test_what_a_slice_or_a_service_that_goes_means_for_its_pods_is_asked_again() -> None:
    endpoints = EndpointSlice(uid="s", namespace="shop", name="one", service="web", ready=frozenset({"1", "2"}))
    state = ClusterState([*_WEB, *_FIRST, endpoints])
    crew, question = state.crew("rs-web"), _Serves(state)
    assert set(crew.where(question, answer=True)) == {"1", "2"}
    state.drop(endpoints.ref)
    assert not crew.where(question, answer=True)
    state.drop(_WEB[0].ref)
    assert set(crew.where(question, answer=True)) == {"1", "2"}, "no Service selects them, so none has to list them"
