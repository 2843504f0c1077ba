"""Was anything lost or doubled in a storm? Four comparisons, each with what differs."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stderr
from io import StringIO
from typing import Any

from projections import exports
from schemas.exports import EXPORTS
from schemas.topics import ALERTS
from streams.slack import reply_id
from tests.storm import forwarding
from tests.storm.equality import Equality, differ
from tests.storm.forwarding import Said
from tests.storm.storm import Storm
from tests.storm.story import CAMPS, LMS, SOURCE
from tests.streams.folding import come_of, without_faults

Rows = list[tuple[Any, ...]]

NAMES = ("engine", "intake", "slack", "truth")

NOMADS = (f"{SOURCE}#", f"{LMS}#")


def compare(storm: Storm) -> list[Equality]:
    """All four; nobody works any more."""
    if len(storm.known) < len(NAMES):
        heard = forwarding.said(storm.system)
        found = [engine(storm), forwarding.intake(storm, heard), slack(storm)]
        storm.known = {one.name: one for one in found} | storm.known
        storm.known.setdefault("truth", truth(storm, heard))
    return [storm.known[name] for name in NAMES]


def engine(storm: Storm) -> Equality:
    """All that is rebuilt and sent is what one fold without faults makes of the same timeline."""
    with redirect_stderr(StringIO()):  # where the fold here says which repeats it drops
        live, clean = come_of(storm.system), without_faults(storm.system)
    lost: list[str] = []
    doubled: list[str] = []
    compared = 0
    for table, rows in clean.tables.items():
        compared += len(rows)
        less, more = differ(table, map(repr, rows), map(repr, live.tables[table]))
        lost, doubled = lost + less, doubled + more
    for partition in sorted({*clean.messages, *live.messages}):
        wanted, sent = clean.messages.get(partition, []), live.messages.get(partition, [])
        compared += len(wanted)
        less, more = differ(f"{ALERTS}[{partition}]", map(repr, wanted), map(repr, sent))
        if not (less or more) and wanted != sent:
            less = [f"{ALERTS}[{partition}] is in another order"]
        lost, doubled = lost + less, doubled + more
    return Equality("engine", compared, lost, doubled)


def slack(storm: Storm) -> Equality:
    """Each delivery is one message, which shows the last version."""
    alerts = storm.system.rows("SELECT alert, version FROM alerts WHERE notify")
    shown: dict[str, list[Mapping[str, Any]]] = {}
    for message in messages(storm):
        said = message["metadata"]["event_payload"]
        shown.setdefault(said["delivery_id"], []).append({**said, "ts": message["ts"]})
    wanted = {str(alert): int(version) for alert, version in alerts}
    # What a card no longer promises may still stand in its thread.
    spare = {str(reply_id(alert)) for alert, _ in alerts}
    known = {row[0]: row[1] for row in storm.system.rows("SELECT alert, ts FROM deliveries")}
    for alert, version in alerts:
        # A second message, which is allowed, may be from when the card had more to say.
        ours = [said for said in shown.get(str(alert), ()) if said["ts"] == known.get(alert)]
        if any(said.get("more") for said in ours):
            wanted[str(reply_id(alert))] = int(version)
    settled = counted(storm)
    lost, doubled, allowed = [], [], 0
    for delivery, version in wanted.items():
        found = [said["version"] for said in shown.get(delivery, ())]
        if version not in found:
            stands = storm.system.rows("SELECT d FROM deliveries d WHERE alert = %s", delivery)
            lost.append(f"{delivery} should show version {version}, and shows {found}: {stands}")
        more = len(found) - 1
        if more > 0 and more <= settled[delivery]:
            allowed += more
        elif more > 0:
            doubled.append(f"{delivery} is there {len(found)} times: versions {found}")
    for delivery in shown.keys() - wanted.keys():
        if delivery not in spare or len(shown[delivery]) > 1:
            doubled.append(f"{delivery} is there {len(shown[delivery])} times, and nobody asks")
    return Equality("slack", len(wanted), lost, doubled, allowed)


def messages(storm: Storm) -> list[dict[str, Any]]:
    """Everything that people see."""
    channels = storm.slack.get("_control/messages")["channels"]
    return [message for channel in channels for message in channel["messages"]]


def counted(storm: Storm) -> Counter[str]:
    """How often a sender said of a delivery that it may stand twice."""
    found: Counter[str] = Counter()
    for log in storm.system.folder.glob("*slack*.log"):
        for line in log.read_text(errors="replace").splitlines():
            if '"unsettled"' in line:
                found[json.loads(line)["alert"]] += 1
    return found


def truth_of(storm: Storm) -> Equality:
    """The truth, before more happens than was expected."""
    return truth(storm, forwarding.said(storm.system))


def truth(storm: Storm, heard: Said) -> Equality:
    """Alerts, rows and what was set aside are what a program that shares nothing expects."""
    lost: list[str] = []
    doubled: list[str] = []
    compared = 0
    with storm.system.connect() as connection:
        for kind in EXPORTS:
            wanted = [json.dumps(row) for row in storm.story.rows[kind]]
            stand = exports.rows(connection, kind)
            ours = [json.dumps(row) for row in stand if row["customer"] not in CAMPS]
            less, more = differ(kind, wanted, ours)
            compared += len(wanted)
            lost, doubled = lost + less, doubled + more
    places = 'topic, partition, "offset"'
    rows = storm.system.rows(f"SELECT {places} FROM dead_letters")
    dead = {heard.values[(topic, partition), offset] for topic, partition, offset in rows}
    waits = quarantined(heard, storm.system.rows(f"SELECT reason, {places} FROM quarantine"))
    for name, found in (("dead_letters", len(dead - storm.poison)), ("quarantined", waits)):
        if found != (figure := storm.story.summary[name]):
            lost.append(f"{name}: expected {figure}, found {found}")
    return Equality("truth", compared, lost, doubled)


def quarantined(heard: Said, rows: Rows) -> Counter[str]:
    """How many different events of the sample wait, by reason."""
    waits = {(reason, heard.cause(*place)) for reason, *place in rows}
    return Counter(reason for reason, cause in waits if not cause.startswith(NOMADS))
