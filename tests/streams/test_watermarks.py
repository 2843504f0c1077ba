"""What must be true of how far intake says it has come?"""

import orjson
from aiokafka import AIOKafkaProducer
from faust.types import TP

from schemas.facts import TrainingStarted
from schemas.topics import TRAINING
from streams import clock, letters, positions
from streams.watermarks import LOOKS, Watermarks

from .acme import DAY, EVERYONE, MONDAY, course, customer, started
from .steps import Steps, driven
from .watching import looked_up


def test_the_watermark_is_when_the_last_forwarded_record_was_heard(intake: Steps) -> None:
    tp = intake.tp()
    intake.tell(*EVERYONE)
    intake.say(started("1"), started("2"), b"?")
    batch = intake.waiting(tp)
    resolved = intake.resolve(tp)
    assert intake.position(tp)[1] is None
    intake.forward(resolved)
    intake.move(tp, resolved)
    assert intake.position(tp)[1] == intake.heard(batch[-1])


def test_while_driven_the_watermark_never_overtakes_the_clock(intake: Steps) -> None:
    tp = intake.tp()
    intake.drive(MONDAY)
    intake.say(b"?", headers=driven(MONDAY - DAY))
    intake.take(tp)
    assert intake.position(tp)[1] == MONDAY - DAY
    intake.say(b"a record of now")
    intake.take(tp)
    assert intake.position(tp)[1] == MONDAY


def test_a_drained_partition_has_come_as_far_as_the_clock_before_its_end_was_asked(
    intake: Steps,
) -> None:
    tp = intake.tp()
    before = clock.real()
    assert intake.look() == 1
    watermark = intake.position(tp)[1]
    assert watermark is not None
    assert before <= watermark <= clock.real()
    intake.say(started())
    assert intake.look() == 0
    assert intake.position(tp)[1] == watermark


def test_what_is_heard_between_clock_and_end_is_not_passed_over(intake: Steps) -> None:
    tp = intake.tp()
    intake.drive(MONDAY)

    async def asked_a_day_later() -> dict[TP, int]:
        async with intake.pool.connection() as connection:
            await clock.drive(connection, MONDAY + DAY)
        return {tp: 0}

    watermarks = Watermarks(intake.settings, intake.pool, asked_a_day_later)
    assert intake.run(watermarks.look()) == 1
    assert intake.position(tp)[1] == MONDAY


def test_a_watermark_never_goes_back(intake: Steps) -> None:
    tp = intake.tp()
    intake.look()
    watermark = intake.position(tp)[1]
    intake.drive(MONDAY)
    assert intake.look() == 1
    assert intake.position(tp)[1] == watermark
    intake.say(b"?", headers=driven(MONDAY - DAY))
    intake.take(tp)
    assert intake.position(tp) == (1, watermark)


def test_what_is_being_released_holds_the_watermark_back(intake: Steps) -> None:
    tp = intake.tp()
    names = [intake.settings.topic(name) for name in (TRAINING,)]
    intake.drive(MONDAY)
    intake.tell(customer(), course())
    intake.say(started(), headers=driven(MONDAY - 5 * DAY))
    intake.take(tp)
    with intake.system.connect() as connection:
        connection.execute("UPDATE positions SET watermark = %s", (MONDAY,))
    assert intake.ask(positions.watermark, names) == MONDAY
    intake.ask(letters.replay, [f"q{intake.quarantine()[0][0]}"])
    assert intake.ask(positions.watermark, names) == MONDAY - 5 * DAY
    behind = "laurel_watermark_behind_seconds"
    assert looked_up(intake.settings, "intake").one(behind) == 5 * DAY.total_seconds()
    intake.settle(tp)
    assert intake.ask(positions.watermark, names) == MONDAY
    assert looked_up(intake.settings, "intake").one(behind) == 0


def test_markers_of_foreign_transactions_do_not_keep_a_partition_from_its_end(
    intake: Steps,
) -> None:
    intake.tell(*EVERYONE)
    tp = intake.tp()

    async def foreign(*values: bytes, commit: bool) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=intake.settings.kafka_bootstrap,
            transactional_id=intake.settings.topic("foreign"),
        )
        await producer.start()
        try:
            await producer.begin_transaction()
            for value in values:
                await producer.send_and_wait(tp.topic, value, partition=tp.partition)
            await (producer.commit_transaction() if commit else producer.abort_transaction())
        finally:
            await producer.stop()

    intake.run(foreign(orjson.dumps(started()), commit=True))
    intake.take(tp)
    assert len(intake.facts(TrainingStarted)) == 1
    assert intake.position(tp)[0] == 1
    looks = [intake.look() for _ in range(LOOKS + 1)]
    assert looks == [0] * (LOOKS - 1) + [1, 1]
    assert intake.position(tp)[0] == 2
    # A record behind the markers is none: the partition stays where it is.
    intake.say(started("2"))
    assert [intake.look() for _ in range(LOOKS)] == [0] * LOOKS
    assert intake.position(tp)[0] == 2
    intake.take(tp)
    assert len(intake.facts(TrainingStarted)) == 2
