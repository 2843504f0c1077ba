"""What do the workers count? Every metric, with its kind, unit and meaning; no label is a name."""

from prometheus_client import Counter

DELIVERIES_SENT = Counter(
    "laurel_deliveries_sent_total", "Cards that Slack took, by how: posted or mended.", ["how"]
)
DELIVERIES_UNSETTLED = Counter(
    "laurel_deliveries_unsettled_total",
    "Cards sent again though Slack may have taken them, or answered after another sender took over:"
    " each may stand twice.",
)
DELIVERIES_DEAD = Counter(
    "laurel_deliveries_dead_total", "Cards given up, because Slack refuses them for good."
)
