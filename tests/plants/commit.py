"""Which faults break one order, one commit and the time that comes from the log? (section 2)"""

from tests.plants.plant import Plant

ENGINE = "tests/streams/test_engine.py"
FAULTS = "tests/streams/test_engine_faults.py"
POSITIONS = "tests/streams/test_positions.py"
TICKER = "tests/streams/test_ticker.py"
WATERMARKS = "tests/streams/test_watermarks.py"

PLANTS = (
    Plant(
        name="position-committed-first",
        breaks="the position moves in the transaction that writes what was folded",
        file="streams/engine.py",
        old="        await store.write_states(states)\n",
        new=(
            "        first = reading.log_time, place.ticked, place.releases\n"
            "        await store.move(place.next_offset, reading.end, *first)\n"
            '        for word in ("COMMIT", "BEGIN"):\n'
            "            await store._cursor.execute(word)\n"
            "        place = Place(reading.end, *first, place.generation, place.parked)\n"
            "        await store.write_states(states)\n"
        ),
        caught_by=(f"{ENGINE}::test_what_a_failed_transaction_folded_is_folded_again",),
    ),
    Plant(
        name="position-not-locked",
        breaks="SELECT next_offset FOR UPDATE on the partition's position row",
        file="projections/store.py",
        old="WHERE app = 'engine' AND topic = %s AND partition = %s FOR UPDATE",
        new="WHERE app = 'engine' AND topic = %s AND partition = %s",
        caught_by=(
            f"{ENGINE}::test_the_position_is_locked_while_it_is_read_and_moves_only_from_there",
        ),
    ),
    Plant(
        name="no-compare-and-set",
        breaks="UPDATE next_offset must hit the one row that still has the old one",
        file="projections/store.py",
        old="WHERE app = 'engine' AND topic = %s AND partition = %s AND next_offset = %s",
        new="WHERE app = 'engine' AND topic = %s AND partition = %s AND %s >= 0",
        caught_by=(
            f"{ENGINE}::test_the_position_is_locked_while_it_is_read_and_moves_only_from_there",
        ),
    ),
    Plant(
        name="hole-not-noticed",
        breaks="the batch must begin at the position",
        file="streams/reading.py",
        old="    if batch[0].offset > position:\n        raise Beyond(position)\n",
        new="    position = batch[0].offset\n",
        caught_by=(f"{ENGINE}::test_a_batch_beyond_the_position_is_not_folded",),
    ),
    Plant(
        name="inner-hole-not-noticed",
        breaks="the batch must be dense",
        file="streams/reading.py",
        old="            return batch[:i]\n",
        new="            return batch\n",
        caught_by=(f"{ENGINE}::test_a_batch_is_folded_up_to_a_hole_in_it",),
    ),
    Plant(
        name="no-seek",
        breaks="every assignment seeks to Postgres' position; Kafka's is only a hint",
        file="streams/transport.py",
        old=(
            "        for tp, position in positions.items():\n"
            "            await self.seek_back(tp, position)\n"
        ),
        new="        await super().seek_to_committed()\n",
        caught_by=(f"{FAULTS}::test_what_kafka_takes_for_committed_skips_nothing",),
    ),
    Plant(
        name="topic-id-not-compared",
        breaks="the topic's id is a compared column",
        file="streams/positions.py",
        old="    if position.topic_id != topic_id:\n",
        new='    if position.topic_id == "":\n',
        caught_by=(f"{POSITIONS}::test_what_does_not_fit_stops_by_name",),
    ),
    Plant(
        name="expired-history-skipped",
        breaks="the position is not below the log start, else stop by name",
        file="streams/positions.py",
        old="    if position.next_offset < extent.start:\n",
        new="    if position.next_offset < 0:\n",
        caught_by=(f"{POSITIONS}::test_what_does_not_fit_stops_by_name",),
    ),
    Plant(
        name="frozen-owner-keeps-its-lock",
        breaks="every transaction sets idle_in_transaction_session_timeout",
        file="streams/database.py",
        old='        "idle_in_transaction_session_timeout": idle,\n',
        new="",
        caught_by=(
            "tests/streams/test_database.py::test_a_session_silent_in_its_transaction_is_ended",
        ),
    ),
    Plant(
        name="foreign-partition-folded",
        breaks="a customer's story is in one partition: murmur2(customer) mod N, checked",
        file="streams/reading.py",
        old="(key != CATALOGUE and wanted != tp.partition)",
        new="wanted < 0",
        caught_by=(f"{ENGINE}::test_a_record_that_is_not_ours_stops_and_nothing_is_committed",),
    ),
    Plant(
        name="catalogue-in-one-partition",
        breaks="facts without a customer are appended to every partition",
        file="streams/append.py",
        old="places = range(partitions) if everywhere else (",
        new="places = (",
        caught_by=(
            "tests/streams/test_intake_steps.py::test_a_catalogue_fact_stands_once_in_every_partition_under_one_name",
        ),
    ),
    Plant(
        name="log-time-runs-back",
        breaks="log time is the greater of the record's and the partition's previous one",
        file="streams/reading.py",
        old="            log_time = max(log_time, from_epoch_ms(stamped))\n",
        new="            log_time = from_epoch_ms(stamped)\n",
        caught_by=(f"{ENGINE}::test_log_time_never_runs_back",),
    ),
    Plant(
        name="older-tick-counts",
        breaks="now = max(now, tick)",
        file="streams/engine.py",
        old="ticked = max(place.ticked, reading.tick[1].now) if",
        new="ticked = reading.tick[1].now if",
        caught_by=(f"{ENGINE}::test_a_tick_again_or_an_older_one_changes_nothing",),
    ),
    Plant(
        name="tick-ahead-believed",
        breaks="a tick that claims to be more than 60 s ahead of its log time is ignored",
        file="streams/reading.py",
        old="            if fact.now > log_time + TICK_AHEAD:\n",
        new="            if fact.now > log_time + 2 * TICK_AHEAD:\n",
        caught_by=(f"{ENGINE}::test_a_tick_far_ahead_of_its_log_time_is_ignored_and_counted",),
    ),
    Plant(
        name="stale-tick-believed",
        breaks="a tick claims no more than intake has forwarded, also where it comes late",
        file="streams/reading.py",
        old="            if told.releases < releases:\n",
        new="            if told.releases < 0:\n",
        caught_by=(
            f"{ENGINE}::test_a_tick_that_knows_of_too_few_releases_fires_nothing_and_is_counted",
        ),
    ),
    Plant(
        name="tick-claims-more",
        breaks="a tick claims no more than the least watermark of the intake partitions",
        file="streams/ticker.py",
        old="            if now is None:\n                return 0\n",
        new="            if now is None:\n                return 0\n            now += HEARTBEAT\n",
        caught_by=(f"{TICKER}::test_a_deadline_fires_when_intake_has_heard_so_far_and_not_before",),
    ),
    Plant(
        name="two-ticks-outstanding",
        breaks="at most one tick a partition is outstanding",
        file="streams/ticker.py",
        old="            if self._appended.get(partition, -1) < next_offset\n",
        new="            if next_offset >= 0\n",
        caught_by=(f"{TICKER}::test_one_tick_is_outstanding_at_most",),
    ),
    Plant(
        name="released-rows-do-not-hold",
        breaks="quarantined rows under release hold the watermark back",
        file="streams/positions.py",
        old="FROM quarantine WHERE status = 'releasing'),",
        new="FROM quarantine WHERE status = 'nobody'),",
        caught_by=(f"{WATERMARKS}::test_what_is_being_released_holds_the_watermark_back",),
    ),
    Plant(
        name="clock-read-behind-the-end",
        breaks="when seen drained, the watermark is the clock as read before the end offset",
        file="streams/watermarks.py",
        old="        ends = await self._ends()\n",
        new=(
            "        ends = await self._ends()\n"
            "        async with self._pool.connection() as connection:\n"
            "            now = (await clock.read(connection)).now\n"
        ),
        caught_by=(f"{WATERMARKS}::test_what_is_heard_between_clock_and_end_is_not_passed_over",),
    ),
    Plant(
        name="too-many-fire",
        breaks="a tick fires at most 10,000 states, the first by (deadline, handler, key)",
        file="streams/fold.py",
        old="sorted(waiting)[:FIRED_AT_MOST]",
        new="sorted(waiting)",
        caught_by=("tests/streams/test_fold.py::test_a_tick_fires_the_first_at_its_limit",),
    ),
    Plant(
        name="still-due-goes-on",
        breaks="a handler whose state is still due after it fired stops the engine",
        file="streams/fold.py",
        old="            if again is not None and again <= tick.now:\n",
        new="            if again is not None and self.missing:\n",
        caught_by=("tests/streams/test_fold.py::test_a_handler_that_is_still_due_stops_the_fold",),
    ),
    Plant(
        name="revoked-lane-goes-on",
        breaks="a batch of a partition that was given away is not taken",
        file="streams/apps.py",
        old="        await self.lanes.drop(revoked)\n",
        new="",
        caught_by=(
            "tests/streams/test_transport.py::test_who_gives_a_partition_away_takes_nothing_more_of_it",
        ),
    ),
)
