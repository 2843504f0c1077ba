"""How does one storm go? Workers that are started again whenever they end, and a play meanwhile."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import MemberToRemove

from schemas.topics import READS, App
from streams import database
from tests.local_slack import LocalSlack
from tests.storm.equality import Equality
from tests.storm.story import Story
from tests.storm.world import APPS, Ways, World
from tests.streams.system import Running, System, wait_for

PARTITIONS = 4
POLL = 0.01
LONGEST = 3600.0
"""Seconds that a story may take."""

KILLED = -9
EXITED = 137

HARMLESS = frozenset(("AppendFailed",))
"""Why a worker may end itself without anyone's fault: it is started again, and repeats itself."""


class Broken(Exception):
    """A storm did what it must not, or could not be carried out; the text says what."""


class Slot:
    """A place for a worker: its name in the group, its proxies, and who holds it now."""

    def __init__(self, app: App, number: int, ways: Ways) -> None:
        self.app = app
        self.name = f"{app}-{number}"
        self.instance = str(number)
        self.ways = ways
        self.worker: Running | None = None
        self._at_work: Running | None = None
        self.arming: dict[str, str] = {}
        """What its next worker is told besides, such as a failpoint."""
        self.resting = False
        """Whether nobody is to be started here for now."""

    @property
    def running(self) -> bool:
        """Whether somebody is here, frozen or not."""
        return self.worker is not None and self.worker.process.poll() is None

    @property
    def works(self) -> bool:
        """Whether whoever is here has been given partitions."""
        if self.worker is None or not self.running:
            return False
        if self._at_work is not self.worker and self.worker.events("assigned"):
            self._at_work = self.worker
        return self._at_work is self.worker


class Storm:
    """One system in which things fail while a story is played."""

    def __init__(self, world: World, system: System, slack: LocalSlack, story: Story) -> None:
        self.world = world
        self.system = system
        self.slack = slack
        self.story = story
        self.slots = [Slot(app, n, ways) for (app, n), ways in world.ways.items()]
        self.faults: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.forgiven: set[str] = set(HARMLESS)
        self.player_may_fall = False
        self.known: dict[str, Equality] = {}
        """Compared already, where what is expected has since been left behind."""
        self.unrest = ""
        self.poison: set[bytes | None] = set()
        self.on_end: Callable[[Slot, int], None] = lambda slot, code: None
        self._numbers = iter(range(1, 10**6))
        self._extra: list[Running] = []
        self._shown = 0.0

    # -- workers

    def rival(self, kind: str) -> Running:
        """Start a worker of a group of its own, which owns all partitions a second time."""
        return self.run(kind, ["tests.storm.worker", kind], {"LAUREL_INSTANCE": "rival"})

    def watch(self, worker: Running) -> None:
        """Raise where a worker that nobody struck has ended."""
        if worker.process.poll() is not None:
            raise Broken(f"{worker.name} ended by itself\n{worker.tail()}")

    def start(self, slot: Slot) -> None:
        """Put a worker into a slot."""
        env = {"LAUREL_INSTANCE": slot.instance, **self._ways(slot), **slot.arming}
        module = ["tests.storm.worker"] if slot.app == "slack" else ["streams.cli", "worker"]
        slot.worker = self.run(slot.name, [*module, slot.app], env)

    def run(self, name: str, words: list[str], env: Mapping[str, str] | None = None) -> Running:
        """Start one of our programs in this system."""
        command = [sys.executable, "-m", *words]
        running = Running(name, command, {**self.system.env, **(env or {})}, self._log(name))
        self.system.workers.append(running)
        return running

    def finish(
        self, name: str, words: list[str], env: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run one to its end, while the workers are looked after; its status and last words."""
        running = self.run(name, words, env)
        deadline = time.monotonic() + LONGEST
        while running.process.poll() is None:
            if time.monotonic() > deadline:
                raise Broken(f"{name} did not end in {LONGEST:.0f} s\n{running.tail()}")
            self.tend()
            time.sleep(POLL)
        self.system.workers.remove(running)
        return running.process.wait(), running.tail()

    def _log(self, name: str) -> Path:
        return self.system.folder / f"{next(self._numbers):04}-{name}.log"

    def _ways(self, slot: Slot) -> dict[str, str]:
        return slot.ways.environment(self.system.env["DATABASE_URL"])

    def of(self, app: App) -> list[Slot]:
        """The slots of a kind of worker."""
        return [slot for slot in self.slots if slot.app == app]

    def tend(self) -> None:
        """Start whoever has ended again, and keep how each ended."""
        for slot in self.slots:
            if slot.worker is not None and not slot.running:
                self._note_end(slot)
            if slot.worker is None and not slot.resting:
                self.start(slot)

    def _note_end(self, slot: Slot) -> None:
        assert slot.worker is not None
        code = slot.worker.process.wait()
        said = [line for line in slot.worker.events() if line["event"] in ("stopped", "crashed")]
        slot.worker.close()
        how = {KILLED: "killed", EXITED: "exited"}.get(code)
        if how is None:
            how = str(said[-1]["error"]) if said else f"status {code}"
            if how not in self.forgiven:
                raise Broken(f"{slot.name} ended by {how}\n{slot.worker.tail()}")
        self.ends[how] += 1
        self.system.workers.remove(slot.worker)
        slot.worker = None
        self.on_end(slot, code)

    def pause(self, *slots: Slot) -> None:
        """Kill whoever is there, and start nobody until `go_on`."""
        for slot in slots:
            slot.resting = True
            slot.ways.strike()
            if slot.worker is not None:
                slot.worker.close()
                self.system.workers.remove(slot.worker)
                slot.worker = None

    def dismiss(self, *slots: Slot) -> None:
        """As `pause`, and tell their group, which would wait for them for a session."""
        self.pause(*slots)
        client = KafkaAdminClient(bootstrap_servers=self.system.settings.kafka_bootstrap)
        for slot in slots:
            name = MemberToRemove(group_instance_id=slot.name)
            client.remove_group_members(self.system.settings.group(slot.app), [name])
        client.close()

    def put(
        self, topic: str, key: bytes, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> tuple[int, int]:
        """Put a record on a topic as it is; returns partition and offset."""
        producer = KafkaProducer(
            bootstrap_servers=self.system.settings.kafka_bootstrap, max_request_size=2_000_000
        )
        try:
            record = producer.send(topic, value, key=key, headers=headers).get(30)
            return record.partition, record.offset
        finally:
            producer.close()

    # -- the play

    def play(
        self,
        each: Callable[[], object] = lambda: None,
        falls: Iterable[Mapping[str, str]] = (),
    ) -> None:
        """Play the story while the workers fall; `each` is called again and again meanwhile.

        `falls`: what players are told besides, one after another; each is to end of it.
        """
        told, words, player = iter(falls), ["streams.cli", "play", str(self.story.path)], None
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            player = player or self.run("play", words, next(told, {}))
            code = player.process.poll()
            self.tend()
            each()
            self.show(player)
            if code == 0:
                return
            if code is not None:
                if not self.player_may_fall:
                    raise Broken(f"the play ended with status {code}\n{player.tail()}")
                self.ends["play"] += 1
                words = ["streams.cli", "play", str(self.story.path)]
                words += ["--resume"] if self._driven() else []
                player = None
            time.sleep(POLL)
        raise Broken(f"the story was not over after {LONGEST:.0f} s")

    def _driven(self) -> bool:
        return bool(self.ask("SELECT FROM clock WHERE driven"))

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query answers, as soon as Postgres answers anything."""

        def answer() -> list[list[tuple[Any, ...]]]:
            try:
                return [self.system.rows(query, *parameters)]
            except database.PASSING:
                return []

        return wait_for(answer, "Postgres to answer")[0]

    def show(self, player: Running) -> None:
        """How far it has come, now and then."""
        if time.monotonic() - self._shown < (0.5 if sys.stdout.isatty() else 10.0):
            return
        self._shown = time.monotonic()
        struck = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        said = player.path.read_text(errors="replace").splitlines()
        say(f"{self.system.folder.name}: {struck or 'calm'} | {said[-1] if said else 'begins'}")

    # -- the clock

    def hold(self) -> None:
        """Let nobody make the clock real from now on: what is expected ends with the play."""
        with self.system.connect() as connection:
            connection.execute(
                """
                CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RETURN NULL; END'
                """
            )
            connection.execute(
                "CREATE TRIGGER hold BEFORE UPDATE ON clock FOR EACH ROW"
                " WHEN (NOT NEW.driven) EXECUTE FUNCTION hold()"
            )

    def let_go(self) -> None:
        """Let the clock be real, until it is held again."""
        with self.system.connect() as connection:
            connection.execute("DROP TRIGGER hold ON clock")
        self.system.let_go()

    # -- the end

    def settle(self) -> None:
        """Let everything come to rest with nothing failing, then end all workers.

        What never rests is told, and compared nevertheless: that shows what is lost.
        """
        try:
            self.rest()
        except Broken as fault:
            self.unrest = str(fault)
        self.pause(*self.slots)

    def rest(self, seconds: float = 240) -> None:
        """Wait, with nothing failing any more, until nothing is left to be done."""
        for slot in self.slots:
            slot.ways.strike()
            slot.arming = {}
            slot.resting = False
            if slot.worker is not None and slot.running:
                slot.worker.wake()
        deadline = time.monotonic() + seconds
        while any((unrest := self._unrest()).values()):
            if time.monotonic() > deadline:
                raise Broken(f"it did not come to rest in {seconds:.0f} s: {unrest}")
            self.tend()
            time.sleep(0.1)

    def deliveries(self) -> int:
        """How many messages there were to be shown, each version by itself."""
        return int(self.ask("SELECT coalesce(sum(desired), 0) FROM deliveries")[0][0])

    def _unrest(self) -> dict[str, int]:
        """What still waits for something."""
        queries = {
            "outbox": "SELECT count(*) FROM outbox",
            "cards": "SELECT count(*) FROM deliveries WHERE posted < desired"
            " AND state NOT IN ('silent', 'dead')",
            "cards to come": "SELECT count(*) FROM alerts a LEFT JOIN deliveries d USING (alert)"
            " WHERE a.notify AND (d.alert IS NULL OR d.desired < a.version)",
            "releases": "SELECT count(*) FROM quarantine WHERE status = 'releasing'",
        }
        found = {name: int(self.ask(query)[0][0]) for name, query in queries.items()}
        for app in APPS:
            known, ends = self._reached(app)
            found[app] = ends - known
        return found

    def _reached(self, app: App) -> tuple[int, int]:
        """Where an app stands, and where its topics end, summed up."""
        known = sum(sum(self.system.positions(app, name).values()) for name in READS[app])
        return known, sum(sum(self.system.ends(name).values()) for name in READS[app])


def say(text: str) -> None:
    """One line of progress, over the last one where that can be."""
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{text[:150]}\033[K")
    else:
        sys.stdout.write(f"{text[:300]}\n")
    sys.stdout.flush()


@contextmanager
def storm(world: World, name: str, seed: int, *, whole: bool, **env: str) -> Iterator[Storm]:
    """A system of its own, on the world's parts, with the story of this seed."""
    story, folder = world.story(seed, whole), world.folder(name)
    with ExitStack() as stack:
        slack = stack.enter_context(LocalSlack("--users", "any", "--rate-limits", "off"))
        for ways in world.ways.values():
            ways.slack.target = int(slack.url.rsplit(":", 1)[1].rstrip("/"))
            ways.strike()
        url = stack.enter_context(world.database())
        system = stack.enter_context(
            System(
                world.kafka.bootstrap,
                url,
                folder,
                PARTITIONS,
                SLACK_API_URL=slack.api,
                SLACK_BOT_TOKEN="xoxb-local",
                SLACK_FALLBACK_CHANNEL=slack.channel("customer-success"),
                **env,
            )
        )
        made = Storm(world, system, slack, story)
        made.hold()
        yield made
