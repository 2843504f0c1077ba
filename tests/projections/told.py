"""How does a test tell a database what its views are to say? As directory and engine write it."""

import json
from collections.abc import Callable
from typing import Any

import psycopg

from projections.store import UPSERTS, as_json
from schemas.facts import (
    CourseDescribed,
    CustomerDescribed,
    CustomerEnded,
    Fact,
    PersonJoined,
    PersonLeft,
    RequirementDescribed,
    RequirementRetired,
    RoleChanged,
    Tick,
)
from tests.handlers.fold import Fold

Connection = psycopg.Connection[dict[str, Any]]
View = Callable[..., list[dict[str, Any]]]


def tell(connection: Connection, *events: Fact | Tick) -> None:
    """Write what the directory and the engine would; the clock stands at the last tick."""
    fold = Fold().fold(*events)
    for table, *key, rows in fold.rows():
        names = list(KEYS[table])
        for row in rows:
            whole = {**dict(zip(names, key, strict=True)), **row}
            connection.execute(UPSERTS[table], (as_json([whole]),))
    for event in events:
        if isinstance(event, Tick):
            connection.execute("UPDATE clock SET driven = true, now = %s", (event.now,))
        else:
            _directory(connection, event)


KEYS = {
    "training": ("customer", "person", "course"),
    "attempts": ("customer", "person", "course"),
    "certificates": ("customer", "person", "certificate"),
    "teams": ("customer", "role", "level"),
}


def _directory(connection: Connection, fact: Fact) -> None:
    row: dict[str, Any] = {"source_id": fact.cause, "at": fact.at}
    match fact:
        case CustomerDescribed():
            table, row = "customer_facts", {**row, "customer": fact.customer, "zone": fact.zone}
        case CustomerEnded():
            table, row = "customer_facts", {**row, "customer": fact.customer, "ended": True}
        case CourseDescribed():
            modules = fact.modules and json.dumps([{"id": id} for id in fact.modules])
            said = {"course": fact.course, "certificate": fact.certificate, "modules": modules}
            table, row = "course_facts", {**row, **said}
        case PersonJoined() | PersonLeft() | RoleChanged():
            kinds = {PersonJoined: "joined", PersonLeft: "left", RoleChanged: "changed"}
            whose = {"customer": fact.customer, "person": fact.person, "kind": kinds[type(fact)]}
            told = {name: getattr(fact, name, None) for name in ("role", "level")}
            table, row = "membership_facts", {**row, **whose, **told}
        case RequirementDescribed():
            target = fact.course or fact.certificate
            kind = target and ("course" if fact.course else "certificate")
            said = {"role": fact.role, "level": fact.level, "target_kind": kind, "target": target}
            table, row = "requirement_facts", {**row, "requirement": fact.requirement, **said}
        case RequirementRetired():
            row = {**row, "requirement": fact.requirement, "retired": True}
            table = "requirement_facts"
        case _:
            return
    names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", row)


def of(rows: list[dict[str, Any]], **where: Any) -> dict[str, Any]:
    (row,) = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return row
