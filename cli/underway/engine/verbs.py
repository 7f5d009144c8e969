"""The verbs by the type of their step's body. Those that look at gates themselves are the engine's own (stepping)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underway.playbook.models import (
    ApplyStep,
    ApproveStep,
    JobStep,
    QuarantineStep,
    RebalanceStep,
    RolloutStep,
    ScaleStep,
)
from underway.steps.apply import APPLY
from underway.steps.approve import APPROVE
from underway.steps.job import JOB
from underway.steps.quarantine import QUARANTINE
from underway.steps.rebalance import REBALANCE
from underway.steps.rollout import ROLLOUT
from underway.steps.scale import SCALE
from underway.steps.verb import Verb

VERBS: Mapping[type[Any], Verb[Any, Any]] = {
    ApplyStep: APPLY,
    ApproveStep: APPROVE,
    JobStep: JOB,
    QuarantineStep: QUARANTINE,
    RebalanceStep: REBALANCE,
    RolloutStep: ROLLOUT,
    ScaleStep: SCALE,
}
