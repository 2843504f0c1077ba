"""Do the real parts come up, keep what they were given, and leave nothing behind?"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from psycopg.rows import scalar_row

from deploy.children import Child, PartsError, started
from deploy.jars import LIBS
from deploy.part import free
from deploy.parts import Kafka, Postgres
from deploy.server import unprivileged
from tests.conftest import OwnBroker, OwnServer

ROOT = Path(__file__).parents[2]

OWNER = """
import sys
from pathlib import Path
from deploy.parts import Kafka, Postgres
home = Path(sys.argv[1])
Kafka(home / "kafka", scratch=True).start()
Postgres(home / "postgres", scratch=True).start()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(parts_home: Path) -> Iterator[Path]:
    folder = parts_home / "by-hand"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def write(bootstrap: str, topic: str, *values: bytes) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap)) as admin:
        admin.create_topics([NewTopic(topic, 1, 1)])
    with closing(KafkaProducer(bootstrap_servers=bootstrap)) as producer:
        for value in values:
            producer.send(topic, value).get(20)


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None
    )
    with closing(consumer):
        return [next(consumer).value for _ in range(count)]


def numbers(url: str) -> list[int]:
    with psycopg.connect(url, row_factory=scalar_row) as connection:
        return connection.execute("SELECT number FROM kept ORDER BY number").fetchall()


def keep(url: str, number: int) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


def await_end(pids: list[tuple[int, str]]) -> None:
    deadline = time.monotonic() + 20
    while any(started(pid) == since for pid, since in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"


def test_a_fresh_database_is_empty(database: str) -> None:
    with psycopg.connect(database, row_factory=scalar_row) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == 0


def test_kafka_keeps_its_port_and_its_records(make_kafka: Callable[[], OwnBroker]) -> None:
    broker = make_kafka()
    bootstrap = broker.bootstrap
    write(bootstrap, "kept", b"one", b"two")

    broker.restart()
    assert broker.bootstrap == bootstrap
    assert read(bootstrap, "kept", 2) == [b"one", b"two"]

    broker.kill()
    assert free(int(bootstrap.rpartition(":")[2]))
    broker.restart()
    assert broker.bootstrap == bootstrap
    assert read(bootstrap, "kept", 2) == [b"one", b"two"]


def test_postgres_keeps_its_port_and_what_was_committed(
    make_postgres: Callable[[], OwnServer],
) -> None:
    server = make_postgres()
    url = server.url
    keep(url, 1)
    server.restart()
    keep(url, 2)
    server.restart(immediately=True)
    keep(url, 3)
    server.kill()
    server.restart()
    assert server.url == url
    assert numbers(url) == [1, 2, 3]


def test_the_parts_of_a_killed_owner_end_and_start_again_with_their_data(home: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "up\n"
        kafka, postgres = Kafka(home / "kafka"), Postgres(home / "postgres", scratch=True)
        pids = [tuple((part.home / "pid").read_text().split()) for part in (kafka, postgres)]
        with pytest.raises(PartsError, match=f"in use by process {owner.pid}"):
            postgres.start()
        port = (home / "postgres" / "port").read_text().strip()
        keep(f"postgresql://laurel@127.0.0.1:{port}/laurel", 1)
        owner.kill()
    await_end([(int(pid), since) for pid, since in pids])

    with closing(Stopping(kafka)), closing(Stopping(postgres)):
        kafka.start()
        write(kafka.bootstrap, "after", b"one")
        postgres.start()
        assert numbers(postgres.url) == [1]


class Stopping:
    """Stops a part at the end."""

    def __init__(self, part: Kafka | Postgres) -> None:
        self.close = part.stop


def test_a_broker_whose_leash_did_not_hold_is_ended_by_the_next_start(home: Path) -> None:
    first, second = Kafka(home, scratch=True), Kafka(home, scratch=True)
    first.start()
    pid = first.child.pid
    # As if its owner had died: nobody holds the folder, but the broker runs.
    first._lock.release()
    with closing(Stopping(second)):
        second.start()
        assert started(pid) is None
        assert second.port == first.port
    first.stop()


def test_postgres_starts_although_its_stale_lock_names_a_live_stranger(
    home: Path, tmp_path: Path
) -> None:
    server = Postgres(home, scratch=True)
    server.start()
    left = (server.data / "postmaster.pid").read_text()
    server.stop()
    stranger = Child(
        "stranger",
        ["sleep", "300"],
        tmp_path / "log",
        record=tmp_path / "pid",
        account=unprivileged(),
    )
    lines = [str(stranger.pid), *left.splitlines()[1:]]
    (server.data / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with closing(Stopping(server)):
        server.start()
        assert stranger.status is None
    stranger.kill()


def test_a_folder_closed_to_postgres_does_not_stop_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = Postgres(tmp_path / "inside", scratch=True)
    with closing(Stopping(server)):
        server.start()
        keep(server.url, 1)
        assert numbers(server.url) == [1]
    shutil.rmtree(server.data)


def test_a_port_that_was_taken_meanwhile_is_named(make_postgres: Callable[[], Postgres]) -> None:
    server = make_postgres()
    server.stop()
    taken = pytest.raises(PartsError, match=f"port {server.port}.* is taken")
    with socket.create_server(("127.0.0.1", server.port)), taken:
        server.start()


def test_a_failing_start_shows_the_end_of_the_log(home: Path) -> None:
    with pytest.raises(PartsError, match=r"(?s)ended with status.*shared_buffers"):
        Postgres(home, scratch=True, settings={"shared_buffers": "lots"}).start()


def test_a_tampered_jar_is_refused_by_name(home: Path, kafka: object) -> None:
    shutil.copytree(LIBS, home / "libs")
    jar = home / "libs" / "kafka_2.13-4.3.1.jar"
    jar.write_bytes(jar.read_bytes() + b"\0")
    with pytest.raises(PartsError, match=r"kafka_2\.13-4\.3\.1\.jar is not the jar we know"):
        Kafka(home / "kafka", scratch=True, libs=home / "libs").start()


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("os.environ['PATH'] = ''", "install what your system calls openjdk-17-jre-headless"),
        ("os.geteuid() or os.seteuid(65534)", "run: sudo apt-get install"),
    ],
)
def test_a_missing_tool_is_named_with_what_to_do(before: str, expected: str) -> None:
    script = f"import os\nfrom deploy.tools import JAVA, install\n{before}\ninstall([JAVA])"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "Java 17 or later not found" in done.stderr
    assert expected in done.stderr
    assert "maven" not in done.stderr


def test_the_terminal_cannot_reach_the_parts(make_postgres: Callable[[], Postgres]) -> None:
    server = make_postgres()
    assert os.getsid(server.child.pid) != os.getsid(0)
