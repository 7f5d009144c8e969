"""Pods from files get the priority of their class, as the API server's admission gives it."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import KIND, pods, written

from underway.cluster.model import Pod
from underway.errors import UsageError
from underway.simulated.load import load, simulate

CLASS = """\
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {{name: {name}}}
value: {value}
{more}
---
"""
WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: 'web:1', resources: {{requests: {{cpu: 1500m}}}}}}]
      {more}
---
"""
BARE = """\
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: shop, labels: {app: web}}
spec:
  priorityClassName: system-node-critical
  containers: [{name: web, image: 'web:1'}]
"""
HIGH = CLASS.format(name="high", value=100, more="preemptionPolicy: Never")
COMMON = CLASS.format(name="common", value=7, more="globalDefault: true")


def told(folder: Path, *texts: str) -> tuple[Pod, list[str]]:
    """The pod labelled web, and what had to be assumed."""
    loaded = load(written(folder, kind=KIND, rest="".join(texts)))
    (pod,) = pods(simulate(loaded))
    return pod, loaded.assumptions


@pytest.mark.parametrize("texts", [(WEB, HIGH), (HIGH, WEB)])
def test_a_class_may_come_before_or_after_what_names_it(tmp_path: Path, texts: tuple[str, ...]) -> None:
    named = [text if text is HIGH else text.format(more="priorityClassName: high") for text in texts]
    pod, assumed = told(tmp_path, *named)
    assert (pod.spec.priority, pod.spec.preempts) == (100, False)
    assert not any("priority" in one for one in assumed)


def test_what_names_none_gets_the_default_of_the_cluster_if_there_is_one(tmp_path: Path) -> None:
    assert told(tmp_path, WEB.format(more=""), COMMON)[0].spec.priority == 7
    assert told(tmp_path, WEB.format(more=""), HIGH)[0].spec.priority == 0


def test_of_several_defaults_it_is_the_lowest(tmp_path: Path) -> None:
    other = CLASS.format(name="other", value=-5, more="globalDefault: true")
    assert told(tmp_path, WEB.format(more=""), COMMON, other)[0].spec.priority == -5


def test_the_classes_of_kubernetes_itself_need_no_file(tmp_path: Path) -> None:
    assert told(tmp_path, BARE)[0].spec.priority == 2_000_001_000


def test_a_class_that_no_file_has_is_told(tmp_path: Path) -> None:
    pod, assumed = told(tmp_path, WEB.format(more="priorityClassName: gold"))
    assert pod.spec.priority == 0
    assert "deployment/shop/web: has priority 0, no file has the PriorityClass gold" in assumed


def test_a_class_is_looked_at(tmp_path: Path) -> None:
    assert load(written(tmp_path, kind=KIND, rest=HIGH)).ignored == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HIGH.replace("value: 100", ""), "PriorityClass high: Object missing required field `value`"),
        (HIGH.replace("100", "much"), "Expected `int`, got `str` - at `$.value`"),
        (
            WEB.format(more="priorityClassName: [high]"),
            "`spec.template.spec.priorityClassName` is a list, and text is needed",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError) as wrong:
        told(tmp_path, text)
    assert expected in str(wrong.value)


def test_placeholders_from_files_make_way(tmp_path: Path) -> None:
    """Two workers of 2 cpu: of three pods of 1.5 one finds no place, and it is none that is worth anything."""
    spare = CLASS.format(name="spare", value=-10, more="")
    two = WEB.format(more="priorityClassName: spare").replace("web", "spare").replace("replicas: 1", "replicas: 2")
    cluster = simulate(load(written(tmp_path, kind=KIND, rest=spare + two + WEB.format(more=""))))
    (web,) = pods(cluster)
    assert web.ready
    assert sorted(bool(pod.node) for pod in pods(cluster, "spare")) == [False, True]
