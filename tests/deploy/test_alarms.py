"""Does each alarm ring for what it is about, and none while all is well? Asked of promtool."""

import re
import subprocess
from pathlib import Path

import yaml

from deploy.prometheus_programs import locate
from tests.deploy.watched import DEPLOY, rules

RULES = DEPLOY / "prometheus" / "rules.yml"

PLACE = 'app="engine",topic="timeline",partition="0"'
HEARD = 'laurel_source_heard_timestamp_seconds{source="urn:lms"}'

APPS = ("intake", "engine", "slack", "door")

WELL = {
    **{f'laurel_database_up{{app="{app}"}}': "1x200" for app in APPS},
    'up{job="laurel",instance="a"}': "1x200",
    'process_start_time_seconds{job="laurel",instance="a"}': "1000x100 2000x100",
    f"laurel_still_seconds{{{PLACE}}}": "30x200",
    'laurel_partitions_unowned{app="engine"}': "0x200",
    'laurel_retries_total{topic="timeline"}': "0x20 1x180",
    'laurel_loop_faults_total{loop="relay"}': "0x20 1x180",
    f"laurel_lag_seconds{{{PLACE}}}": "20x200",
    'laurel_event_to_alert_seconds_bucket{le="60"}': "0+10x200",
    'laurel_event_to_alert_seconds_bucket{le="300"}': "0+10x200",
    'laurel_event_to_alert_seconds_bucket{le="+Inf"}': "0+10x200",
    "laurel_watermark_behind_seconds{}": "2x200",
    "laurel_deadlines_late{}": "0x200",
    'laurel_dropped_total{why="tick_ahead"}': "0x200",
    'laurel_door_requests_total{status="202"}': "0+60x200",
    'laurel_door_requests_total{status="503"}': "0x20 1x180",
    'laurel_door_requests_total{status="500"}': "0x200",
    'laurel_holes_total{topic="timeline"}': "0x20 1x180",
    'laurel_fences_total{topic="timeline"}': "0x20 1x180",
    "laurel_ids_forgotten_total{}": "0x200",
    'laurel_dead_letter_rows{reason="json",status="waiting"}': "0x200",
    'laurel_dead_letter_rows{reason="json",status="discarded"}': "4x200",
    'laurel_quarantine_oldest_seconds{reason="unknown"}': "3600x200",
    'laurel_quarantine_oldest_seconds{reason="future"}': "200000x200",
    'laurel_dead_letter_oldest_seconds{reason="json"}': "3600x200",
    HEARD: "0+60x200",
    "laurel_outbox_rows{}": "3x200",
    "laurel_relayed_total{}": "0+5x200",
    "laurel_delivery_oldest_seconds{}": "30x200",
    **{
        f'laurel_deliveries_total{{outcome="{outcome}"}}': "0x200"
        for outcome in ("dead", "unsettled", "fallback")
    },
}
"""Series as promtool writes them, a value a minute; what is now and then is no reason to ring."""

ILL: tuple[tuple[str, dict[str, str], dict[str, str]], ...] = (
    ("WorkersMissing", {'laurel_database_up{app="slack"}': "_x200"}, {"app": "slack"}),
    ("DoorMissing", {'laurel_database_up{app="door"}': "_x200"}, {}),
    ("WorkerDown", {'up{job="laurel",instance="a"}': "1x50 0x150"}, {"job": "laurel"}),
    (
        "WorkerRestarts",
        {'process_start_time_seconds{job="laurel",instance="a"}': "1000+60x200"},
        {"job": "laurel"},
    ),
    ("NoProgress", {f"laurel_still_seconds{{{PLACE}}}": "0+60x200"}, {"topic": "timeline"}),
    ("PartitionsUnowned", {'laurel_partitions_unowned{app="engine"}': "2x200"}, {"app": "engine"}),
    ("DatabaseAway", {'laurel_database_up{app="slack"}': "0x200"}, {"app": "slack"}),
    ("BatchesRefused", {'laurel_retries_total{topic="timeline"}': "0+6x200"}, {}),
    ("LoopFaults", {'laurel_loop_faults_total{loop="relay"}': "0+6x200"}, {"loop": "relay"}),
    ("Lag", {f"laurel_lag_seconds{{{PLACE}}}": "400x200"}, {"app": "engine"}),
    ("AlertsSlow", {'laurel_event_to_alert_seconds_bucket{le="60"}': "0+5x200"}, {}),
    ("WatermarkHeld", {"laurel_watermark_behind_seconds{}": "0+60x200"}, {}),
    ("DeadlinesLate", {"laurel_deadlines_late{}": "3x200"}, {}),
    ("TickAhead", {'laurel_dropped_total{why="tick_ahead"}': "0x180 1x20"}, {}),
    ("DoorFails", {'laurel_door_requests_total{status="503"}': "0+1x200"}, {}),
    ("DoorFails", {'laurel_door_requests_total{status="500"}': "0+1x200"}, {}),
    ("Holes", {'laurel_holes_total{topic="timeline"}': "0+1x200"}, {"topic": "timeline"}),
    ("Fences", {'laurel_fences_total{topic="timeline"}': "0+1x200"}, {"topic": "timeline"}),
    ("IdsForgotten", {"laurel_ids_forgotten_total{}": "0x180 900x20"}, {}),
    ("DeadLetters", {'laurel_dead_letter_rows{reason="json",status="waiting"}': "1x200"}, {}),
    ("QuarantineWaits", {'laurel_quarantine_oldest_seconds{reason="unknown"}': "90000x200"}, {}),
    ("RecordsExpire", {'laurel_quarantine_oldest_seconds{reason="future"}': "2200000x200"}, {}),
    ("RecordsExpire", {'laurel_dead_letter_oldest_seconds{reason="json"}': "2200000x200"}, {}),
    ("SourceSilent", {HEARD: "-90000x100 _x100"}, {"source": "urn:lms"}),
    ("OutboxWaits", {"laurel_relayed_total{}": "7x200"}, {}),
    ("CardsWait", {"laurel_delivery_oldest_seconds{}": "0+60x200"}, {}),
    ("CardsDead", {'laurel_deliveries_total{outcome="dead"}': "0x180 1x20"}, {}),
    ("CardsTwice", {'laurel_deliveries_total{outcome="unsettled"}': "0x180 1x20"}, {}),
    ("Fallback", {'laurel_deliveries_total{outcome="fallback"}': "0x180 1x20"}, {}),
)
FAILED = re.compile(r"name: (.+),\n +alertname: (\w+), .+\n +exp:\[\], \n +got:\[([^]]*)\]")

ALARMS = [rule["alert"] for rule in rules()]


def ringing(folder: Path, cases: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """By case, what promtool says of the alarms that ring there, told that none would."""
    nothing = [{"eval_time": "190m", "alertname": alarm, "exp_alerts": []} for alarm in ALARMS]
    told = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "name": name,
                "interval": "1m",
                "input_series": [
                    {"series": series, "values": values} for series, values in case.items()
                ],
                "alert_rule_test": nothing,
            }
            for name, case in cases.items()
        ],
    }
    path = folder / "asked.yml"
    path.write_text(yaml.safe_dump(told))
    command = [str(locate() / "promtool"), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "got:" in done.stderr) in ((0, False), (1, True)), done.stderr
    rings: dict[str, dict[str, str]] = {name: {} for name in cases}
    for case, alarm, said in re.findall(FAILED, done.stderr):
        rings[case][alarm] = said
    return rings


def test_prometheus_takes_rules_and_configuration() -> None:
    path = RULES.with_name("prometheus.yml")
    command = [str(locate() / "promtool"), "check", "config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(ALARMS)} rules found" in done.stdout


def test_each_alarm_rings_for_what_it_is_about_and_none_while_all_is_well(tmp_path: Path) -> None:
    cases = {f"{number} {alarm}": WELL | ill for number, (alarm, ill, _) in enumerate(ILL)}
    assert {series for _, ill, _ in ILL for series in ill} <= WELL.keys()
    rings = ringing(tmp_path, cases | {"well": WELL})
    assert rings.pop("well") == {}
    for (alarm, _, labels), (case, rung) in zip(ILL, rings.items(), strict=True):
        assert set(rung) == {f"Laurel{alarm}"}, case
        for name, value in labels.items():
            assert f'{name}="{value}"' in rung[f"Laurel{alarm}"]


def test_every_alarm_is_seen_to_ring() -> None:
    assert {f"Laurel{alarm}" for alarm, _, _ in ILL} == set(ALARMS)
