"""What do analysts read? Views with stable names over rebuildable tables, people and the ledger."""

from .team_views import TEAM_VIEWS


def _latest(column: str, *, named: bool = True) -> str:
    """The last writer's word for a column, by (time, id); facts that leave it out do not count."""
    latest = (
        f'(array_agg({column} ORDER BY at DESC, source_id COLLATE "C" DESC)'
        f" FILTER (WHERE {column} IS NOT NULL))[1]"
    )
    return f"{latest} AS {column}" if named else latest


CUSTOMERS = f"""
-- a customer as the directory has it now
SELECT customer, {_latest("name")}, {_latest("csm_email")},
       (array_agg(csm_name ORDER BY at DESC, source_id COLLATE "C" DESC)
        FILTER (WHERE csm_email IS NOT NULL))[1] AS csm_name,
       {_latest("zone")}, {_latest("segment")}, {_latest("arr")}, {_latest("health")},
       coalesce(bool_or(ended), false) AS ended
FROM customer_facts GROUP BY customer
"""

COURSES = f"""
-- a course as the catalogue has it now
SELECT course, {_latest("name")}, {_latest("type")}, {_latest("modules")},
       {_latest("certificate")}, {_latest("certificate_name")}, {_latest("validity_months")},
       {_latest("patience_days")}, {_latest("next_courses")},
       coalesce(bool_or(retired), false) AS retired
FROM course_facts GROUP BY course
"""

REQUIREMENTS = f"""
-- what is required of whom now? (nothing, until a target is told)
SELECT requirement, coalesce({_latest("role", named=False)}, 'any') AS role,
       coalesce({_latest("level", named=False)}, 'any') AS level,
       {_latest("target_kind")}, {_latest("target")},
       coalesce(bool_or(retired), false) AS retired
FROM requirement_facts GROUP BY requirement
"""

MEMBERS = f"""
-- who belongs to which customer now, in which role
SELECT customer, person,
       (array_agg(kind ORDER BY at DESC, (kind = 'left') DESC, source_id COLLATE "C" DESC)
        FILTER (WHERE kind IN ('joined', 'left')))[1] = 'joined' AS active,
       {_latest("role")}, {_latest("level")}
FROM membership_facts GROUP BY customer, person
"""

USER_TRAINING = """
-- how far has each person come in each course? (PRD-104 4.1; one row per person and course)
SELECT md5(t.customer || '|' || t.person || '|' || t.course)::uuid AS id,
       t.customer AS customer_id,
       t.person AS user_id,
       p.email AS user_email,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name,
       t.course AS course_id,
       c.name AS course_name,
       c.type AS course_type,
       t.status,
       t.active,
       t.started_at,
       t.completed_at,
       t.score,
       (SELECT l.url FROM certificate_links l
        WHERE l.customer = t.customer AND l.person = t.person
          -- a completion that was withdrawn has left its link behind
          AND (l.subject = t.course AND t.completed_at IS NOT NULL
               OR l.subject = c.certificate
                  AND EXISTS (SELECT FROM certificates r
                              WHERE r.customer = t.customer AND r.person = t.person
                                AND r.certificate = l.subject))
        ORDER BY l.at DESC LIMIT 1) AS certificate_url,
       EXISTS (SELECT FROM alerts a JOIN deliveries d ON d.alert = a.alert
               WHERE a.customer = t.customer AND d.posted > 0
                 AND a.subject IN (t.person || '|' || t.course,
                                   t.person || '|' || c.certificate)) AS csm_notified,
       t.created_at,
       t.updated_at
FROM training t
LEFT JOIN people p ON p.person = t.person
LEFT JOIN courses c ON c.course = t.course
"""

CERTIFICATE_REGISTER = """
-- who holds which certificate, and until when?
SELECT r.customer AS customer_id, r.person AS user_id,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name,
       r.certificate AS certificate_id, c.certificate_name, r.course AS course_id,
       r.status, r.number, r.earned_at, r.renewed_at, r.last_day, r.revoked_at
FROM certificates r
LEFT JOIN people p ON p.person = r.person
LEFT JOIN courses c ON c.course = r.course
"""

ALERT_LOG = """
-- which alerts were raised, why, and did the CSM hear of them?
SELECT a.alert AS alert_id, a.rule, a.rule_version, a.customer AS customer_id, a.subject,
       a.status, a.version, a.at, a.raised_at, a.causes, a."values",
       coalesce(d.state, CASE WHEN a.notify THEN 'pending' ELSE 'silent' END) AS delivery,
       d.channel, d.sent_at
FROM alerts a LEFT JOIN deliveries d ON d.alert = a.alert
"""

METRIC_USAGE = """
-- how much of each metric has each account used, since ever, and how many people did?
SELECT u.customer AS customer_id, c.name AS customer_name, u.metric, u.total, u.events, u.users,
       u.first_at, u.last_at
FROM usage_totals u LEFT JOIN customers c ON c.customer = u.customer
"""

DAILY_USAGE = """
-- how much of each metric did each account use on each day of UTC?
SELECT customer AS customer_id, metric, day, total, events FROM usage_days
"""

METRIC_USERS = """
-- who has used each metric, and since when?
SELECT u.customer AS customer_id, u.metric, u.person AS user_id,
       coalesce(p.name, p.lms_name, 'a former user') AS user_name, u.first_at
FROM usage_users u LEFT JOIN people p ON p.person = u.person
"""

FEATURE_ADOPTION = """
-- which features has each account adopted, and does it use them still?
SELECT customer AS customer_id, feature, first_at AS adopted_at, last_at AS last_used_at, events
FROM usage_features
"""

VIEWS = {
    "customers": CUSTOMERS,
    "courses": COURSES,
    "requirements": REQUIREMENTS,
    "members": MEMBERS,
    "user_training": USER_TRAINING,
    "certificate_register": CERTIFICATE_REGISTER,
    "alert_log": ALERT_LOG,
    **TEAM_VIEWS,
    "metric_usage": METRIC_USAGE,
    "daily_usage": DAILY_USAGE,
    "metric_users": METRIC_USERS,
    "feature_adoption": FEATURE_ADOPTION,
}
