"""Which faults break who, whose and once? (section 4)"""

from tests.plants.plant import Plant

STEPS = "tests/streams/test_intake_steps.py"
FAULTS = "tests/streams/test_intake_faults.py"
ENGINE = "tests/streams/test_engine.py"
QUARANTINE = "tests/streams/test_quarantine.py"

PLANTS = (
    Plant(
        name="position-moved-before-the-appends",
        breaks="first every acknowledgement, then next_offset",
        file="streams/intake.py",
        old=(
            '        with Timed("intake", "append"):\n'
            "            await self.forward(resolved)\n"
            '        failpoint("intake.appended")\n'
            '        with Timed("intake", "move"):\n'
            "            await self.move(tp, resolved)\n"
        ),
        new="        await self.move(tp, resolved)\n        await self.forward(resolved)\n",
        caught_by=(f"{STEPS}::test_a_failed_append_moves_nothing",),
    ),
    Plant(
        name="acknowledgements-not-awaited",
        breaks="append in offset order and await every acknowledgement",
        file="streams/append.py",
        old="        for acknowledgement in sent:\n            await acknowledgement\n",
        new="",
        caught_by=(f"{STEPS}::test_a_failed_append_moves_nothing",),
    ),
    Plant(
        name="intake-not-fenced",
        breaks="next_offset moves to m by compare-and-set",
        file="streams/intake.py",
        old="            if await self._lock(connection, tp) != resolved.start:\n",
        new=(
            "            start = await self._lock(connection, tp)\n"
            '            object.__setattr__(resolved, "start", start)\n'
            "            if resolved.end < 0:\n"
        ),
        caught_by=(
            f"{STEPS}::test_an_owner_that_was_overtaken_cannot_move_the_position_or_the_directory",
        ),
    ),
    Plant(
        name="gap-believed-at-once",
        breaks="a gap is sought back to once, then accepted",
        file="streams/intake.py",
        old=(
            "                if fresh[0].offset > start and not sought:\n"
            "                    raise Beyond(start)\n"
        ),
        new="",
        caught_by=(f"{STEPS}::test_a_gap_is_believed_only_once_it_was_sought_back_to",),
    ),
    Plant(
        name="routes-not-pinned",
        breaks="an event keeps the account it was first given",
        file="streams/intake.py",
        old="    return data.customer is None or header(record, QUARANTINE_ROW) is not None\n",
        new="    return False\n",
        caught_by=(f"{STEPS}::test_a_repeated_batch_keeps_the_account_it_was_first_given_to",),
    ),
    Plant(
        name="last-route-stands",
        breaks="routes are written in step 1, the first one standing",
        file="streams/directory.py",
        old="    return await routes(connection, [hash for hash in made if hash not in kept])\n",
        new="    return {hash: made[hash] for hash in made if hash not in kept}\n",
        caught_by=(
            f"{STEPS}::test_of_two_batches_that_route_one_event_the_first_to_commit_stands",
        ),
    ),
    Plant(
        name="routes-unsorted",
        breaks="routes are written in sorted order",
        file="streams/directory.py",
        old="for hash in sorted(made)]",
        new="for hash in made]",
        caught_by=(
            f"{STEPS}::test_two_batches_that_route_the_same_events_never_wait_for_each_other_in_a_ring",
        ),
        error="psycopg.errors.DeadlockDetected",
    ),
    Plant(
        name="directory-seen-before-its-append",
        breaks="directory facts become visible in step 3, behind their append",
        file="streams/intake.py",
        old="        await directory.name_people(connection, placed)\n",
        new=(
            "        await directory.name_people(connection, placed)\n"
            "        await directory.grow(connection, [p for p, o in settled if o.learned])\n"
        ),
        caught_by=(f"{STEPS}::test_what_a_batch_learns_is_seen_by_others_only_behind_its_append",),
    ),
    Plant(
        name="dedupe-off",
        breaks="the engine remembers ids and drops repeats",
        file="streams/reading.py",
        old="ids.append((day, fingerprint(*told.name)))",
        new="ids.append((day, b'%16d' % record.offset))",
        caught_by=(f"{ENGINE}::test_a_repeat_changes_nothing",),
    ),
    Plant(
        name="ids-not-stored",
        breaks="ids are remembered in the same transaction, and reloaded on assignment",
        file="streams/engine.py",
        old="        await store.write_remembered(ids.fresh, ids.gone, reading.end)\n",
        new="",
        caught_by=(f"{ENGINE}::test_a_repeat_is_known_after_a_restart",),
    ),
    Plant(
        name="repeats-within-a-batch-missed",
        breaks="the engine drops repeats, whoever repeats",
        file="streams/remembered.py",
        old="        new[order[1:][ordered[1:] == ordered[:-1]]] = False\n",
        new="",
        caught_by=(f"{ENGINE}::test_a_repeat_changes_nothing",),
    ),
    Plant(
        name="ids-lost-where-rows-become-one",
        breaks="what is stored of ids is all of them",
        file="projections/store.py",
        old="string_agg(hashes, '' ORDER BY next_offset)",
        new="(array_agg(hashes))[1]",
        caught_by=("tests/streams/test_remembered.py::test_batches_however_small_leave_few_rows",),
    ),
    Plant(
        name="ids-of-two-days",
        breaks="the ids of the last 7 days are remembered",
        file="streams/remembered.py",
        old="WINDOW = timedelta(days=7)\n",
        new="WINDOW = timedelta(days=2)\n",
        caught_by=(
            "tests/streams/test_remembered.py::test_an_id_is_known_for_seven_days_and_no_longer",
        ),
    ),
    Plant(
        name="dead-letter-dropped",
        breaks="what cannot be read stands in the dead letters",
        file="streams/intake.py",
        old="changes.refuse(reading.record, reading.row, reading.heard, event)",
        new="pass",
        caught_by=(f"{QUARANTINE}::test_what_cannot_be_read_is_refused_with_a_reason_and_a_place",),
    ),
    Plant(
        name="quarantine-dropped",
        breaks="what cannot be resolved waits in the quarantine",
        file="streams/intake.py",
        old="            changes.missed(reading.record, reading.row, reading.heard, outcome)\n",
        new="            continue\n",
        caught_by=(f"{QUARANTINE}::test_someone_unknown_waits_until_the_directory_knows_her",),
    ),
    Plant(
        name="miss-not-looked-at-again",
        breaks="a miss asks Postgres before it is believed",
        file="streams/intake.py",
        old="        changes = Changes(tp, await directory.version(connection))\n",
        new="        changes = Changes(tp, 1_000_000)\n",
        caught_by=(f"{QUARANTINE}::test_a_miss_that_raced_with_the_directory_is_looked_at_again",),
    ),
    Plant(
        name="released-out-of-order",
        breaks="a sweep re-publishes all of a person's in offset order",
        file="streams/sweep.py",
        old='FROM claimed ORDER BY topic, partition, "offset"\n',
        new="FROM claimed ORDER BY id DESC\n",
        caught_by=(
            f"{QUARANTINE}::test_all_that_waits_for_a_person_goes_on_together_in_the_order_heard",
        ),
    ),
    Plant(
        name="released-heard-anew",
        breaks="the recorded_at of what is released is that of its row",
        file="streams/intake.py",
        old="heard if row is None else row.recorded_at, row, hash)\n",
        new="heard, row, hash)\n",
        caught_by=(f"{QUARANTINE}::test_someone_unknown_waits_until_the_directory_knows_her",),
    ),
    Plant(
        name="row-gone-before-the-append",
        breaks="rows under release hold the watermark back until they are forwarded",
        file="streams/set_aside.py",
        old="            self.forwarded[row.kind].add(row.id)\n",
        new="            self.gone[row.kind].add(row.id)\n",
        caught_by=(
            f"{FAULTS}::test_the_clock_waits_for_what_is_released_also_where_intake_dies_over_it",
        ),
    ),
    Plant(
        name="recorded-time-always-honoured",
        breaks="the header recordedtime is honoured only while the clock is driven",
        file="streams/intake.py",
        old="    said = header(record, RECORDED_TIME) if time.driven else None\n",
        new="    said = header(record, RECORDED_TIME)\n",
        caught_by=(
            f"{QUARANTINE}::test_a_time_of_hearing_that_is_none_is_refused_only_while_the_clock_is_driven",
        ),
    ),
    Plant(
        name="tick-while-driven",
        breaks="while the clock is driven the engine appends no tick of its own",
        file="streams/ticker.py",
        old="            if self.driven:\n                return 0\n",
        new="",
        caught_by=("tests/streams/test_ticker.py::test_no_tick_while_a_player_says_the_time",),
    ),
    Plant(
        name="history-alerts",
        breaks="history never alerts",
        file="handlers/derived.py",
        old="HISTORY = timedelta(hours=48)\n",
        new="HISTORY = timedelta(hours=49)\n",
        caught_by=(
            "tests/handlers/test_abandonment.py::test_history_whose_deadline_lay_at_most_two_days_back_is_told",
        ),
    ),
)
