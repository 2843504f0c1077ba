"""What do analysts read of teams and requirements? Who has what, who lacks what, what runs out."""

NOW = "coalesce((SELECT clock.now FROM clock WHERE driven), now())"
"""What time it is: while the clock is driven, the time it was set to."""


def _percent(part: str, whole: str) -> str:
    return f"round(100.0 * {part} / nullif({whole}, 0), 1)"


COUNTS = (
    "jsonb_to_recordset(t.targets) AS c (kind text, id text, enrolled int, met int, waived int)"
)

TRAINING_RATES = f"""
-- how many people are there of each role and level, and how far have they come?
SELECT t.customer AS customer_id, t.role, t.level, t.people, t.enrolled,
       {_percent("t.enrolled", "t.people")} AS enrolment_rate,
       t.scored, round(t.score_sum / nullif(t.scored, 0), 1) AS average_score
FROM teams t
"""

TEAM_TARGETS = f"""
-- how does each team stand to each course and certificate, required or not?
SELECT t.customer AS customer_id, t.role, t.level, c.kind AS target_kind, c.id AS target_id,
       t.people, c.enrolled, c.met, c.waived,
       CASE WHEN c.kind = 'course' THEN {_percent("c.met", "c.enrolled")} END AS completion_rate,
       CASE WHEN c.kind = 'certificate' THEN {_percent("c.met", "t.people")} END
           AS certification_rate
FROM teams t CROSS JOIN LATERAL {COUNTS}
"""

TRAINING_COVERAGE = f"""
-- how far is each requirement met at each customer? (PRD-104 FR-1.3)
SELECT u.customer AS customer_id, r.requirement AS requirement_id, r.role, r.level,
       r.target_kind, r.target AS target_id,
       coalesce(t.people, 0) AS people, coalesce(c.met, 0) AS met, coalesce(c.waived, 0) AS waived,
       {_percent("coalesce(c.met, 0)", "t.people - coalesce(c.waived, 0)")} AS percent
FROM customers u
CROSS JOIN requirements r
LEFT JOIN teams t ON t.customer = u.customer AND t.role = r.role AND t.level = r.level
LEFT JOIN LATERAL {COUNTS} ON c.kind = r.target_kind AND c.id = r.target
WHERE NOT u.ended AND NOT r.retired AND r.target IS NOT NULL
"""

TRAINING_GAPS = f"""
-- who lacks what is required of her, and where is she stuck? (one row per person and requirement)
SELECT m.customer AS customer_id, m.person AS user_id,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name, m.role, m.level,
       r.requirement AS requirement_id, r.target_kind, r.target AS target_id,
       h.status AS certificate_status, w.course AS course_id,
       coalesce(w.status, 'not_enrolled') AS status, w.started_at, w.last_activity_at,
       done.id AS last_module,
       CASE WHEN w.open THEN coalesce(next.name, next.id) END AS stuck_on,
       CASE WHEN w.open
            THEN floor(extract(epoch FROM {NOW} - w.last_activity_at) / 86400)::int END
           AS days_stuck
FROM members m
JOIN customers u ON u.customer = m.customer AND NOT u.ended
JOIN requirements r ON r.role IN ('any', m.role) AND r.level IN ('any', m.level)
                   AND NOT r.retired AND r.target IS NOT NULL
LEFT JOIN people p ON p.person = m.person
LEFT JOIN certificates h ON r.target_kind = 'certificate' AND h.certificate = r.target
                        AND h.customer = m.customer AND h.person = m.person
LEFT JOIN LATERAL (
    -- her way to it: of several courses that earn a certificate, the one last heard of
    SELECT t.*, t.status IN ('in_progress', 'failed', 'abandoned') AS open FROM training t
    WHERE t.customer = m.customer AND t.person = m.person
      AND r.target = CASE r.target_kind WHEN 'course' THEN t.course ELSE t.certificate END
    ORDER BY t.updated_at DESC, t.course COLLATE "C" LIMIT 1
) w ON true
LEFT JOIN courses c ON c.course = w.course
LEFT JOIN LATERAL (
    SELECT module ->> 'id' AS id, place
    FROM jsonb_array_elements(c.modules) WITH ORDINALITY AS of_course (module, place)
    WHERE module ->> 'id' = ANY (w.modules) ORDER BY place DESC LIMIT 1
) done ON true
LEFT JOIN LATERAL (
    SELECT module ->> 'id' AS id, module ->> 'name' AS name
    FROM jsonb_array_elements(c.modules) WITH ORDINALITY AS of_course (module, place)
    WHERE place = coalesce(done.place, 0) + 1
) next ON true
WHERE m.active IS NOT FALSE
  AND CASE r.target_kind
      WHEN 'course' THEN coalesce(w.status, '') NOT IN ('completed', 'waived')
      ELSE coalesce(h.status, '') <> 'valid'
           AND NOT EXISTS (SELECT FROM training t
                           WHERE t.customer = m.customer AND t.person = m.person
                             AND t.certificate = r.target AND t.status = 'waived')
      END
"""

EXPIRING_CERTIFICATES = f"""
-- whose certificates run out within 30 days? (the last day in the account's zone, inclusive)
SELECT r.customer AS customer_id, r.person AS user_id,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name,
       r.certificate AS certificate_id, c.certificate_name, r.course AS course_id,
       r.number, r.last_day, r.last_day - today.date AS days_left
FROM certificates r
JOIN customers u ON u.customer = r.customer AND NOT u.ended
CROSS JOIN LATERAL (SELECT ({NOW} AT TIME ZONE coalesce(u.zone, 'UTC'))::date AS date) today
LEFT JOIN members m ON m.customer = r.customer AND m.person = r.person
LEFT JOIN people p ON p.person = r.person
LEFT JOIN courses c ON c.course = r.course
WHERE r.status = 'valid' AND m.active IS NOT FALSE
  AND r.last_day BETWEEN today.date AND today.date + 30
"""

TEAM_VIEWS = {
    "training_rates": TRAINING_RATES,
    "team_targets": TEAM_TARGETS,
    "training_coverage": TRAINING_COVERAGE,
    "training_gaps": TRAINING_GAPS,
    "expiring_certificates": EXPIRING_CERTIFICATES,
}
