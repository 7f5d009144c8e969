"""What no API server would take is refused, or left out and told."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import KIND, written

from underway.errors import UsageError
from underway.simulated.load import load

OLD = """
    apiVersion: policy/v1beta1
    kind: PodDisruptionBudget
    metadata: {name: web, namespace: shop}
    spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
    ---
    apiVersion: extensions/v1beta1
    kind: Deployment
    metadata: {name: old}
    spec: {replicas: 2}
    ---
    apiVersion: serving.knative.dev/v1
    kind: Service
    metadata: {name: other, namespace: shop}
"""


def test_what_no_api_server_takes_any_more_is_ignored_and_told(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, kind=KIND, old=OLD))
    assert not [
        ref for ref in loaded.objects if ref.kind in ("poddisruptionbudget", "deployment") and ref.name != "coredns"
    ]
    assert [(found.object, found.reason) for found in loaded.ignored] == [
        (
            "poddisruptionbudget/shop/web",
            "no API server takes policy/v1beta1 any more, policy/v1 is its successor",
        ),
        ("deployment/default/old", "no API server takes extensions/v1beta1 any more, apps/v1 is its successor"),
        ("service.serving.knative.dev/shop/other", ""),
    ]


BUDGET = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {%s}}"
OF = (
    "selector: {matchLabels: {app: web}},"
    " template: {metadata: {labels: {app: %s}}, spec: {containers: [{name: c, image: x}]}}"
)
AUTOSCALER = (
    "{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: x},"
    " spec: {minReplicas: 3, maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: web}}}"
)
POD = "{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {containers: %s}}"
ONE = "[{name: c, image: x}]"
SPREAD = ONE + ", topologySpreadConstraints: [{topologyKey: zone, maxSkew: %s, whenUnsatisfiable: %s}]"
AFFINITY = ONE + ", affinity: {%s: {requiredDuringSchedulingIgnoredDuringExecution: %s}}"
SELECTING = "maxUnavailable: 1, selector: {matchExpressions: [{key: app, operator: %s}]}"
SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: %s}, spec: {ports: [{port: 80}]}}"
POLICY = (
    "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: x},"
    " spec: {podSelector: {matchExpressions: [{key: app, operator: Is}]}}}"
)
BY_EXPRESSION = "matchExpressions: [{key: app, operator: In}]"
DEPLOYMENT = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {%s}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BUDGET % "minAvailable: lots", "PodDisruptionBudget x: `spec.minAvailable` is `lots`, which is neither"),
        (BUDGET % "minAvailable: '2'", "`spec.minAvailable` is `2`, which is neither a number nor a percentage"),
        (BUDGET % "maxUnavailable: 150%", "`spec.maxUnavailable` is 150%, and 100% are the most"),
        (BUDGET % "minAvailable: -1", "`spec.minAvailable` is -1, and 0 is the least"),
        (BUDGET % "minAvailable: 1, maxUnavailable: 1", "`minAvailable` and `maxUnavailable` cannot both be given"),
        (
            DEPLOYMENT % (OF % "shop"),
            "Deployment x: `spec.selector` (app=web) does not match the labels of its template",
        ),
        (DEPLOYMENT % (OF % "web").replace("selector: {matchLabels: {app: web}}, ", ""), "`spec.selector` is missing"),
        (DEPLOYMENT % ("replicas: -3, " + OF % "web"), "`spec.replicas` is -3, and 0 is the least"),
        (
            DEPLOYMENT % ("strategy: {rollingUpdate: {maxSurge: few}}, " + OF % "web"),
            "`spec.strategy.rollingUpdate.maxSurge` is `few`",
        ),
        (BUDGET % (SELECTING % "Is, values: [web]"), "`spec.selector.matchExpressions[0].operator` is `Is`, which it"),
        (BUDGET % (SELECTING % "In"), "`spec.selector.matchExpressions[0].values` is missing, and In needs some"),
        (BUDGET % (SELECTING % "Exists, values: [a]"), "matchExpressions[0].values` is given, and Exists takes none"),
        (POD % ("x", "[]"), "Pod x: `spec.containers` is missing or empty"),
        (DEPLOYMENT % (OF % "web").replace(ONE, "[]"), "`spec.template.spec.containers` is missing or empty"),
        (
            POD % ("x", SPREAD % ("0", "DoNotSchedule")),
            "`spec.topologySpreadConstraints[0].maxSkew` is 0, and 1 is the",
        ),
        (POD % ("x", SPREAD % ("1", "Nope")), "[0].whenUnsatisfiable` is `Nope`, which it cannot be"),
        (POD % ("x", SPREAD % ("1", "")), "[0].whenUnsatisfiable` is missing"),
        (POD % ("x", AFFINITY % ("podAntiAffinity", "[{labelSelector: {}}]")), "[0].topologyKey` is missing"),
        (
            POD
            % ("x", AFFINITY % ("nodeAffinity", "{nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Gt}]}]}")),
            "nodeSelectorTerms[0].matchExpressions[0].values` has 0 values, and Gt takes one",
        ),
        (POD % ("", ONE), "Pod: `metadata.name` is missing"),
        (POD % ("x, labels: {version: 1+2}", ONE), "`metadata.labels.version` is `1+2`, which no label can be"),
        (POD % ("x, labels: {a b: c}", ONE), "`metadata.labels` has the key `a b`, which is no label's"),
        (DEPLOYMENT % (OF % "web, b: -c"), "`spec.template.metadata.labels.b` is `-c`, which no label can be"),
        (DEPLOYMENT % ("revisionHistoryLimit: -1, " + OF % "web"), "`spec.revisionHistoryLimit` is -1, and 0 is the"),
        (AUTOSCALER.replace("name: web", ""), "`spec.scaleTargetRef.name` is missing"),
        (AUTOSCALER.replace("minReplicas: 3", "minReplicas: -1"), "`spec.minReplicas` is -1, and 0 is the least"),
        (AUTOSCALER.replace("maxReplicas: 2,", ""), "`spec.maxReplicas` is missing or below 1"),
        (POLICY, "`spec.podSelector.matchExpressions[0].operator` is `Is`, which it cannot be"),
        (DEPLOYMENT % (OF % "web").replace("matchLabels: {app: web}", BY_EXPRESSION), "[0].values` is missing, and In"),
        (POD % ("x, namespace: a.b", ONE), "`metadata.namespace` is `a.b`, which is no name"),
        (POD % ("Bad_Name", ONE), "`metadata.name` is `Bad_Name`, which is no name"),
        (SERVICE % "a.b", "`metadata.name` is `a.b`, which is no name"),
        (SERVICE % ("a" * 64), "`metadata.name` has 64 characters, and 63 are the most"),
        (
            AUTOSCALER,
            "`spec.minReplicas` is 3, more than the 2 of `maxReplicas`",
        ),
    ],
)
def test_what_an_api_server_refuses_is_refused_with_its_place_and_a_hint(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, kind=KIND, wrong=f"\n{text}\n"))
    assert f"{tmp_path}/wrong.yaml:2: " in caught.value.message
    assert told in caught.value.message
    assert caught.value.hint


def test_all_that_an_api_server_refuses_is_told_at_once(tmp_path: Path) -> None:
    wrong = [BUDGET % "minAvailable: lots", DEPLOYMENT % ("replicas: -3, " + OF % "shop")]
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, a=wrong[0], b=wrong[1]))
    assert len(caught.value.message.splitlines()) == 3
