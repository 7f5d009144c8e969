"""Simulated requests to a Service: what the proxies' rules do with each, and what becomes of it.

Requests come at a steady rate. Each is sent to one of the pods that the rules name at that moment (iptables draws lots;
here a fixed hash of its number does), and is lost if that pod does not answer, or exits before it has. They are
judged in bulk between changes, so hours of traffic cost little.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from underway.cluster.model import Pod, Ref
from underway.simulated.kubelet import Kubelets
from underway.simulated.proxies import Proxies
from underway.simulated.world import World

NO_ENDPOINTS = "the Service has no endpoints"


@dataclass(frozen=True)
class _Stretch:
    """A time in which neither the rules nor what answers changed."""

    since: datetime
    until: datetime
    routes: tuple[str, ...]
    silent: frozenset[str]


@dataclass
class Requests:
    """What became of a Service's requests so far; those still being answered are not counted yet."""

    service: Ref
    started: datetime
    period: timedelta
    latency: timedelta
    name_of: Callable[[str], str]
    """A pod as kubectl prints it, by its UID."""
    sent: int = 0
    lost: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why requests were lost, in an operator's words, and how many."""
    last_reason: str = ""
    failing: bool = False
    """Requests have been lost since the last good answer."""
    answered_at: datetime | None = None
    """The end of the last good answer."""
    good_since: datetime | None = None
    """The end of the first good answer after the last lost request."""
    gaps: list[tuple[datetime, timedelta]] = field(default_factory=list)
    """The end and length of each time between two good answers with a lost request between them."""
    looked_at: datetime | None = None
    _stretches: deque[_Stretch] = field(default_factory=deque)
    _stretch_begin: datetime | None = None
    _exits: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    @property
    def longest_gap(self) -> timedelta:
        lengths = [length for _, length in self.gaps]
        if self.failing:
            lengths.append((self.looked_at or self.started) - (self.answered_at or self.started))
        return max(lengths, default=timedelta(0))

    def close_stretch(self, now: datetime, routes: tuple[str, ...], silent: frozenset[str]) -> None:
        """Since the last call, the rules and what answers were so."""
        begin = self._stretch_begin or self.started
        if now > begin:
            self._stretches.append(_Stretch(begin, now, routes, silent))
            self._stretch_begin = now
        self._judge(now)

    def pod_exits(self, now: datetime, pod: Pod) -> None:
        self._exits[pod.uid] = (now, f"{pod.ref}")

    def _judge(self, now: datetime) -> None:
        """Count every request that has been answered, or should have been, by now."""
        self.looked_at = now
        while self._stretches:
            stretch = self._stretches[0]
            last = min(self._number_at(stretch.until), self._number_at(now - self.latency))
            if stretch.silent or not stretch.routes or self._cut_off_in(stretch):
                for number in range(self.sent, last):
                    self._count(number, self._fate(number, stretch))
            elif last > self.sent:
                self._answered(self.sent)
                self.answered_at = self._moment(last - 1) + self.latency
            self.sent = max(self.sent, last)
            if self.sent < self._number_at(stretch.until):
                return
            self._stretches.popleft()

    def _number_at(self, moment: datetime) -> int:
        """How many requests are sent before `moment`."""
        return max(-(-(moment - self.started) // self.period), 0)

    def _moment(self, number: int) -> datetime:
        return self.started + number * self.period

    def _cut_off_in(self, stretch: _Stretch) -> bool:
        latest = stretch.until + self.latency
        return any(stretch.since <= self._exits[uid][0] <= latest for uid in stretch.routes if uid in self._exits)

    def _fate(self, number: int, stretch: _Stretch) -> str | None:
        """Why a request is lost; None if it is answered."""
        if not stretch.routes:
            return NO_ENDPOINTS
        drawn = (number * 2_654_435_761 % 2**32) >> 12
        target = stretch.routes[drawn % len(stretch.routes)]
        exited, name = self._exits.get(target, (None, self.name_of(target)))
        if target in stretch.silent:
            return f"{name} had stopped answering, and the proxies still sent it requests"
        sent = self._moment(number)
        if exited is not None and sent <= exited < sent + self.latency:
            return f"{name} exited while it was answering"
        return None

    def _count(self, number: int, fate: str | None) -> None:
        if fate is None:
            self._answered(number)
            return
        self.lost += 1
        self.reasons[fate] += 1
        self.last_reason = fate
        self.failing = True
        self.good_since = None

    def _answered(self, number: int) -> None:
        ended = self._moment(number) + self.latency
        if self.failing:
            self.gaps.append((ended, ended - (self.answered_at or self.started)))
        self.failing = False
        self.good_since = self.good_since or ended
        self.answered_at = ended


class Traffic:
    """The requests to all Services that are under load."""

    def __init__(self, world: World, kubelets: Kubelets, proxies: Proxies) -> None:
        self._world = world
        self._kubelets = kubelets
        self._proxies = proxies
        self._under_load: dict[Ref, list[Requests]] = {}
        kubelets.on_serve.append(self._pod_changes)
        kubelets.on_exit.append(self._pod_exits)
        proxies.on_change.append(self._routes_change)

    def start(self, service: Ref, per_second: float, latency: timedelta) -> Requests:
        period = timedelta(seconds=1) / per_second
        requests = Requests(service, self._world.now, period, latency, self._name_of)
        self._under_load.setdefault(service, []).append(requests)
        self._tell_later(requests)
        return requests

    def _name_of(self, uid: str) -> str:
        pod = self._world.state.pod(uid)
        return str(pod.ref) if pod is not None else f"pod {uid}"

    def stop(self, requests: Requests) -> None:
        self._catch_up(requests)
        self._under_load[requests.service].remove(requests)

    def look(self) -> None:
        """Judge everything up to now."""
        for requests in self._all():
            self._catch_up(requests)

    def _all(self) -> Iterator[Requests]:
        for running in self._under_load.values():
            yield from running

    def _catch_up(self, requests: Requests) -> None:
        routes = self._proxies.routes(requests.service)
        silent = frozenset(uid for uid in routes if not self._kubelets.answers(uid))
        requests.close_stretch(self._world.now, routes, silent)

    def _routes_change(self, service: Ref) -> None:
        for requests in self._under_load.get(service, ()):
            self._catch_up(requests)

    def _pod_changes(self, pod: Pod) -> None:
        for requests in self._all():
            if pod.uid in self._proxies.routes(requests.service):
                self._catch_up(requests)

    def _pod_exits(self, pod: Pod) -> None:
        for requests in self._all():
            if pod.uid in self._proxies.routes(requests.service) or requests.latency:
                requests.pod_exits(self._world.now, pod)
                self._catch_up(requests)
                self._tell_later(requests)

    def _tell_later(self, requests: Requests) -> None:
        """Somebody waits for news: the first answer, or the first loss."""
        self._world.after(requests.latency + requests.period, self._world.stir)
