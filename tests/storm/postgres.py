"""Does a database that restarts, loses connections and refuses cost or double anything?"""

import time
from random import Random

from tests.storm.proxy import Blow, Harm
from tests.storm.scenario import Scenario
from tests.storm.storm import Slot, Storm
from tests.storm.strikes import Strike, Strikes

RESTARTS, CUTS = 5, 20
"""In one story."""

HARMS: tuple[Harm, ...] = ("before", "after", "reset", "torn", "deaf", "late")
LATE = 1.0
TORN = 5
FIRST, BETWEEN = 10.0, 8.0
"""Seconds until the first restart, and between two."""

REFUSE = (
    "CREATE SEQUENCE refusals",
    """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        CASE nextval('refusals') % 60
            WHEN 20 THEN RAISE EXCEPTION 'a storm' USING ERRCODE = 'serialization_failure';
            WHEN 40 THEN RAISE EXCEPTION 'a storm' USING ERRCODE = 'disk_full';
            ELSE RETURN NEW;
        END CASE;
    END $$
    """,
    "CREATE TRIGGER refuse BEFORE UPDATE ON positions FOR EACH ROW"
    " WHEN (NEW.next_offset > OLD.next_offset) EXECUTE FUNCTION refuse()",
)
"""Now and then the server itself says that it cannot move a position, and why."""


class Postgres(Scenario):
    """Immediate restarts, connections cut in COMMIT, serialization failures and a full disk."""

    GATE, GOAL = RESTARTS + CUTS, 10 * (RESTARTS + CUTS)

    def go(self, storm: Storm, rng: Random) -> None:
        """Spoil the database while the story is played."""
        storm.player_may_fall = True
        with storm.system.connect() as connection:
            for statement in REFUSE:
                connection.execute(statement)
        writers = [n for n, slot in enumerate(storm.slots) if slot.app != "slack"]
        drawn = [
            Strike(rng.choice(writers), "commit", 1 + int(rng.expovariate(1 / 20)))
            for _ in range(CUTS)
        ]

        def cut(_: Slot, moment: str) -> Blow:
            how = rng.choice(HARMS)
            storm.faults[f"{how} in {moment}"] += 1
            return Blow(how, size=TORN, seconds=LATE)

        cuts = Strikes(storm, drawn, cut, "cuts")
        restart_at = time.monotonic() + FIRST
        restarts = 0

        def keep() -> None:
            nonlocal restart_at, restarts
            cuts.keep()
            if restarts < RESTARTS and time.monotonic() > restart_at:
                storm.world.postgres.restart(immediately=True)
                storm.faults["restarts"] += 1
                restarts += 1
                restart_at = time.monotonic() + BETWEEN

        storm.play(keep)
        for fault in ("SerializationFailure", "DiskFull"):
            storm.faults[fault] = sum(
                f'"fault":"{fault}"' in line
                for log in storm.system.folder.glob("*.log")
                for line in log.read_text(errors="replace").splitlines()
            )
            assert storm.faults[fault], f"{fault} has not struck"
        self.wanted -= restarts + cuts.struck
