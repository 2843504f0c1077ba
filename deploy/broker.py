"""How does a real Kafka come up beside us?"""

import shutil
import signal
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.children import Child
from deploy.jars import LIBS, class_archive, fetch, java
from deploy.part import Part, ask, frame, free_port, quiet, run

# The quorum of one is named in the settings, so any fixed id serves.
CLUSTER_ID = "TGF1cmVsTGF1cmVsTGF1cg"

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
}

# After a kill the controller waits out the session of the broker that was, 9 s unless told.
SCRATCH_SETTINGS = {"broker.session.timeout.ms": "4000", "broker.heartbeat.interval.ms": "500"}


class Kafka(Part):
    """One broker in KRaft mode, on which `settings` go over the usual ones.

    A `scratch` broker starts sooner and runs slower.
    """

    name = "kafka"
    ends_by = signal.SIGTERM
    dies_by = signal.SIGTERM

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        *,
        settings: Mapping[str, str] | None = None,
        scratch: bool = False,
        tell: Callable[[str], None] = quiet,
        logs: Path | None = None,
        libs: Path = LIBS,
    ) -> None:
        super().__init__(home, port, tell, logs)
        self._settings = dict(settings or {})
        self._scratch = scratch
        self._libs = libs

    @property
    def bootstrap(self) -> str:
        """What clients call bootstrap servers."""
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        broker = self._child
        super().stop()
        if broker and broker.status != -signal.SIGKILL and self._new_archive.exists():
            self._new_archive.replace(class_archive(self._libs))

    def _forget(self) -> None:
        self._formatted.unlink(missing_ok=True)

    def _prepare(self) -> None:
        fetch(self._libs, self.tell)

    def _launch(self) -> Child:
        settings = self._write_settings()
        if not self._formatted.exists():
            self._format(settings)
        options = ["-Xms128m", "-Xmx384m", *self._class_archive()]
        options += ["-XX:TieredStopAtLevel=1"] if self._scratch else []
        command = [*java(self._libs, *options), "kafka.Kafka", str(settings)]
        record = self.home / "pid"
        return Child(self.name, command, self.log, record=record, on_our_death=self.dies_by)

    def _write_settings(self) -> Path:
        controller = free_port()
        lines = SETTINGS | {
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "log.dirs": str(self._data),
        }
        lines |= (SCRATCH_SETTINGS if self._scratch else {}) | self._settings
        path = self.home / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
        return path

    def _format(self, settings: Path) -> None:
        self.tell("formatting Kafka's storage")
        shutil.rmtree(self._data, ignore_errors=True)
        options = ["-Xmx128m", "-XX:TieredStopAtLevel=1"]
        if (archive := class_archive(self._libs)).exists():
            options.append(f"-XX:SharedArchiveFile={archive}")
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(settings)]
        run([*java(self._libs, *options), *tool])
        self._formatted.touch()

    def _class_archive(self) -> list[str]:
        """The first broker to stop in order leaves it; it halves the start of those after."""
        if (archive := class_archive(self._libs)).exists():
            return [f"-XX:SharedArchiveFile={archive}"]
        return [f"-XX:ArchiveClassesAtExit={self._new_archive}"]

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _formatted(self) -> Path:
        return self.home / "formatted"

    @property
    def _new_archive(self) -> Path:
        return class_archive(self._libs).with_suffix(f".{self.port}")

    def _answers(self) -> bool:
        return kafka_answers(self.port)


def kafka_answers(port: int) -> bool:
    """Does it say in its metadata that a broker is up? It accepts connections a little earlier."""
    header = struct.pack(">hhih", 3, 4, 1, -1)
    answer = ask(port, frame(header + struct.pack(">ib", 0, 0)), size=16)
    return len(answer) == 16 and struct.unpack(">iiii", answer)[3] > 0
