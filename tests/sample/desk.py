"""Which alerts stand, and how does one come to stand otherwise?"""

from dataclasses import dataclass, field
from datetime import datetime

from .directory import Fact


@dataclass
class Alert:
    """An alert as it stands; `episode` is what it was first raised for."""

    kind: str
    key: tuple[str, ...]
    episode: datetime
    at: datetime
    raised_at: datetime
    causes: frozenset[str]
    status: str = "open"
    card: bool = True
    opened_again: bool = False


@dataclass
class Desk:
    """All alerts, in the order in which they were raised."""

    alerts: list[Alert] = field(default_factory=list)

    def find_open(self, kind: str, key: tuple[str, ...]) -> Alert | None:
        found = [
            alert
            for alert in self.alerts
            if (alert.kind, alert.key, alert.status) == (kind, key, "open")
        ]
        assert len(found) <= 1, f"{kind} {key}: two are open"
        return found[0] if found else None

    def find(self, kind: str, key: tuple[str, ...], episode: datetime) -> Alert | None:
        """The alert of that episode, whatever became of it."""
        for alert in self.alerts:
            if (alert.kind, alert.key, alert.episode) == (kind, key, episode):
                return alert
        return None

    def want(
        self,
        kind: str,
        key: tuple[str, ...],
        at: datetime,
        causes: frozenset[str],
        fact: Fact | None,
        *,
        heard: datetime,
        ended: bool,
    ) -> None:
        """Have an alert open: the open one amended, a closed one opened again, or a new one.

        Where an account has `ended`, nothing opens any more.
        """
        alert = self.find_open(kind, key)
        known = alert if ended else self.find(kind, key, at)
        if alert and known and known is not alert:
            mended = fact is not None and fact.kind == "retracted" and kind != "training_abandoned"
            self.close(alert, "corrected" if mended else "withdrawn", fact)
            alert = None
        if alert is None and ended:
            return
        if alert is None and known:
            alert = known
            alert.status, alert.card, alert.opened_again = "open", True, True
        if alert:
            alert.at, alert.causes = at, causes
            return
        self.alerts.append(Alert(kind, key, at, at, heard, causes))

    def close(self, alert: Alert, status: str, fact: Fact | None) -> None:
        alert.status = status
        if fact:
            alert.causes |= {fact.cause}
