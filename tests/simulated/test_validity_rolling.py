"""An update that could never go on, or that is told in two ways, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifests import accepted, refused, workload

BOTH = "rollingUpdate: {maxSurge: %s, maxUnavailable: %s}"
RECREATE = "strategy: {type: Recreate, rollingUpdate: {maxSurge: 1}}"
DEPLOYMENT = f"strategy: {{{BOTH}}}"
DAEMONSET = f"updateStrategy: {{{BOTH}}}"
STATEFULSET = "updateStrategy: {type: OnDelete, rollingUpdate: {partition: 1}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (workload("Deployment", DEPLOYMENT % (0, 0)), "`spec.strategy.rollingUpdate.maxUnavailable` cannot be 0"),
        (workload("Deployment", DEPLOYMENT % ("0%", 0)), "`spec.strategy.rollingUpdate.maxUnavailable` cannot be 0"),
        (workload("Deployment", DEPLOYMENT % (0, "00%")), "`spec.strategy.rollingUpdate.maxUnavailable` cannot be 0"),
        (workload("Deployment", DEPLOYMENT % (1, "150%")), "maxUnavailable` is 150%, and 100% are the most"),
        (workload("Deployment", DEPLOYMENT % ("few", 1)), "maxSurge` is `few`, which is neither a number nor a"),
        (workload("Deployment", DEPLOYMENT % (-1, 1)), "maxSurge` is -1, and 0 is the least"),
        (workload("Deployment", RECREATE), "`spec.strategy.rollingUpdate` cannot be given with `type: Recreate`"),
        (workload("Deployment", "strategy: {type: Rolling}"), "`spec.strategy.type` is `Rolling`, which it cannot be"),
        (
            workload("Deployment", "minReadySeconds: 30, progressDeadlineSeconds: 30"),
            "`spec.progressDeadlineSeconds` is 30, which is not more than the 30 of `spec.minReadySeconds`",
        ),
        (workload("Deployment", "minReadySeconds: 600"), "`spec.progressDeadlineSeconds` is 600 unless it is given"),
        (workload("DaemonSet", DAEMONSET % (0, 0)), "`spec.updateStrategy.rollingUpdate.maxUnavailable` cannot be 0"),
        (workload("DaemonSet", DAEMONSET % (1, 1)), "maxSurge` is 1, which needs a `maxUnavailable` of 0 in a"),
        (workload("DaemonSet", DAEMONSET % ("150%", 0)), "maxSurge` is 150%, and 100% are the most"),
        (
            workload("DaemonSet", "updateStrategy: {rollingUpdate: {maxSurge: 1}}"),
            "maxSurge` is 1, which needs a `maxUnavailable` of 0 in a DaemonSet, and that is 1 unless it is given",
        ),
        (workload("StatefulSet", STATEFULSET), "`spec.updateStrategy.rollingUpdate` cannot be given with"),
        (workload("StatefulSet", "ordinals: {start: -1}"), "`spec.ordinals.start` is -1, and 0 is the least"),
        (workload("StatefulSet", STATEFULSET.replace("1", "-1")), "rollingUpdate.partition` is -1, and 0 is the"),
    ],
)
def test_an_update_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    wrong = refused(tmp_path, text)
    assert f"{tmp_path}/wrong.yaml:2: " in wrong.message
    assert told in wrong.message
    assert wrong.hint


@pytest.mark.parametrize(
    "text",
    [
        workload("Deployment", DEPLOYMENT % (0, 1)),
        workload("Deployment", DEPLOYMENT % ("200%", 0)),
        workload("Deployment", "strategy: {rollingUpdate: {maxUnavailable: 0}}"),
        workload("Deployment", "strategy: {rollingUpdate: {maxSurge: 0}}"),
        workload("Deployment", "strategy: {type: Recreate}"),
        workload("Deployment", "minReadySeconds: 30, progressDeadlineSeconds: 31"),
        workload("DaemonSet", DAEMONSET % (1, 0)),
        workload("DaemonSet", "updateStrategy: {type: OnDelete, rollingUpdate: {maxUnavailable: 1}}"),
        workload("StatefulSet", "minReadySeconds: 600, updateStrategy: {rollingUpdate: {partition: 0}}"),
    ],
)
def test_an_update_that_can_be_is_taken(tmp_path: Path, text: str) -> None:
    accepted(tmp_path, text)
