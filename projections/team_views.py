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
-- who lacks what is required of her, and where is she stuck? (one row per person and requirement;
-- each person's rows are looked up once: of thousands, each with a few, anything else takes long)
WITH required AS MATERIALIZED (
    SELECT * FROM requirements WHERE NOT retired AND target IS NOT NULL
), steps AS MATERIALIZED (
    SELECT c.course, array_agg(module ->> 'id' ORDER BY place) AS ids,
           array_agg(coalesce(module ->> 'name', module ->> 'id') ORDER BY place) AS names
    FROM courses c
    CROSS JOIN jsonb_array_elements(c.modules) WITH ORDINALITY AS of_course (module, place)
    GROUP BY c.course
)
SELECT m.customer AS customer_id, m.person AS user_id,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name, m.role, m.level,
       w.requirement AS requirement_id, w.target_kind, w.target AS target_id,
       w.certificate_status, w.course AS course_id,
       coalesce(w.status, 'not_enrolled') AS status, w.started_at, w.last_activity_at,
       s.ids[done.place] AS last_module,
       CASE WHEN w.open THEN s.names[coalesce(done.place, 0) + 1] END AS stuck_on,
       CASE WHEN w.open
            THEN floor(extract(epoch FROM {NOW} - w.last_activity_at) / 86400)::int END
           AS days_stuck
FROM members m
JOIN customers u ON u.customer = m.customer AND NOT u.ended
LEFT JOIN people p ON p.person = m.person
CROSS JOIN LATERAL (
    -- her way to each: of several courses that earn a certificate, the one last heard of
    SELECT DISTINCT ON (r.requirement) r.requirement, r.target_kind, r.target,
           h.status AS certificate_status, t.course, t.status, t.started_at, t.last_activity_at,
           t.modules, t.status IN ('in_progress', 'failed', 'abandoned') AS open,
           bool_or(t.status = 'waived') OVER (PARTITION BY r.requirement) AS waived
    FROM required r
    LEFT JOIN (SELECT * FROM training WHERE customer = m.customer AND person = m.person) t
           ON r.target = CASE r.target_kind WHEN 'course' THEN t.course ELSE t.certificate END
    LEFT JOIN (SELECT * FROM certificates WHERE customer = m.customer AND person = m.person) h
           ON r.target_kind = 'certificate' AND h.certificate = r.target
    WHERE r.role IN ('any', m.role) AND r.level IN ('any', m.level)
    ORDER BY r.requirement, t.updated_at DESC, t.course COLLATE "C"
) w
LEFT JOIN steps s ON s.course = w.course
LEFT JOIN LATERAL (
    SELECT max(place) AS place FROM unnest(s.ids) WITH ORDINALITY AS of_course (id, place)
    WHERE id = ANY (w.modules)
) done ON true
WHERE coalesce(m.active, true) AND w.waived IS NOT TRUE
  AND CASE w.target_kind WHEN 'course' THEN w.status IS DISTINCT FROM 'completed'
      ELSE w.certificate_status IS DISTINCT FROM 'valid' END
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
