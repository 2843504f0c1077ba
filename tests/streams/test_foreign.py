"""What of a foreign producer's transactions is heard?"""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import TRAINING
from tests.conftest import Broker

from .system import Story, System, wait_for


def test_what_a_transaction_took_back_is_not_heard_and_what_follows_is(
    kafka: Broker, database: str, tmp_path: Path
) -> None:
    story = Story()
    told: dict[str, Any] = {"person": {"email": "nobody@acme.example"}, "course": "c1"}
    with System(kafka.bootstrap, database, tmp_path) as system:
        topic = system.settings.topic(TRAINING)

        async def produce() -> None:
            producer = AIOKafkaProducer(
                bootstrap_servers=kafka.bootstrap, transactional_id=f"{topic}-foreign"
            )
            await producer.start()
            for taken_back in (True, False):
                await producer.begin_transaction()
                event = story.event("training.started.v1", "2026-11-01T00:00:00Z", **told)
                await producer.send_and_wait(topic, json.dumps(event).encode(), partition=0)
                await (
                    producer.abort_transaction() if taken_back else producer.commit_transaction()
                )
            await producer.stop()

        asyncio.run(produce())
        system.start("intake")
        heard = wait_for(
            lambda: system.rows("SELECT convert_from(bytes, 'UTF8') FROM quarantine"),
            "the second event to wait in quarantine",
        )
        assert [json.loads(row[0])["id"] for row in heard] == ["e2"]
        wait_for(
            lambda: system.positions("intake", TRAINING)[0] == system.ends(TRAINING)[0],
            "the markers at the end to be passed",
        )
