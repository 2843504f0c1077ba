"""What is an alert, and what is said of it on the topic `alerts`?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .facts import Trigger

CERTIFICATION_EARNED = "certification_earned"
TRAINING_ABANDONED = "training_abandoned"
TEAM_MILESTONE = "team_milestone"

Status = Literal["open", "resolved", "withdrawn", "corrected"]

Value = str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertChanged:
    """One version of an alert.

    `at`: when its condition became true; `raised_at`: when version 1 was decided; `causes`: sorted
    `source#id`; `values`: what it was decided on, frozen; `notify`: whether a card is sent;
    `trigger`: the record whose folding made this version; `reopened`: it was closed before.
    """

    customer: str
    alert: str
    version: int
    rule: str
    rule_version: int
    subject: str
    status: Status
    at: datetime
    raised_at: datetime
    causes: tuple[str, ...]
    values: Mapping[str, Value]
    notify: bool
    trigger: Trigger
    reopened: bool = False
