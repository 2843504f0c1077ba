"""Which columns does `laurel export` write? Frozen by golden files; times are UTC, RFC 3339."""

EXPORTS: dict[str, tuple[str, ...]] = {
    "alerts": ("kind", "customer", "subject", "at", "raised_at", "status", "causes"),
    "training": (
        "customer",
        "person",
        "course",
        "status",
        "active",
        "started_at",
        "completed_at",
        "score",
        "attempts",
        "modules",
        "last_activity_at",
        "stalled_at",
        "created_at",
        "updated_at",
    ),
    "attempts": ("customer", "person", "course", "outcome", "attempt", "at", "score"),
    "certificates": (
        "customer",
        "person",
        "certificate",
        "course",
        "status",
        "earned_at",
        "renewed_at",
        "number",
        "last_day",
        "revoked_at",
    ),
}
