"""Which faults break pure handlers, their order, their states and what is kept of these? (3)"""

from tests.plants.plant import Plant

ENGINE = "tests/streams/test_engine.py"
FAULTS = "tests/streams/test_engine_faults.py"
FOLD = "tests/streams/test_fold.py"

PLANTS = (
    Plant(
        name="clock-in-a-handler",
        breaks="handlers are functions without I/O, clock or randomness",
        file="handlers/abandonment.py",
        old="            if due is None or event.now < due:\n",
        new="            if due is None or datetime.now(due.tzinfo) < due:\n",
        caught_by=(
            "tests/architecture/test_house.py::test_handlers_and_schemas_ask_neither_clock_nor_chance_nor_a_file",
        ),
    ),
    Plant(
        name="iteration-over-a-set",
        breaks="due states fire in the order of (deadline, handler, key)",
        file="streams/fold.py",
        old="for _, handler, key in sorted(waiting)[:FIRED_AT_MOST]",
        new="for _, handler, key in waiting[:FIRED_AT_MOST]",
        caught_by=(f"{FOLD}::test_states_fire_by_deadline_then_handler_then_key",),
    ),
    Plant(
        name="last-in-first-out",
        breaks="derived events queue first-in first-out",
        file="streams/fold.py",
        old="            event, said_by = queue.popleft()\n",
        new="            event, said_by = queue.pop()\n",
        caught_by=(
            "tests/golden_logs/test_golden_logs.py::test_it_comes_to_what_was_recorded[account_ended]",
        ),
    ),
    Plant(
        name="stored-is-missing",
        breaks="a state that turns out to be missing is loaded, and the batch folded again",
        file="streams/engine.py",
        old="        return bool(stored)\n",
        new="        return False\n",
        caught_by=(
            "tests/streams/test_engine.py::test_a_tick_fires_so_many_and_the_next_one_more",
        ),
    ),
    Plant(
        name="missing-is-new",
        breaks="a state that turns out to be missing is loaded, and the batch folded again",
        file="streams/fold.py",
        old="            self.missing.keys.add(key)\n",
        new="",
        caught_by=(f"{FOLD}::test_a_state_that_is_missing_is_not_taken_for_a_new_one",),
    ),
    Plant(
        name="moved-deadline-fires",
        breaks="due states fire as they stand, one that another's firing moved does not",
        file="streams/fold.py",
        old="            if deadline is None or deadline > tick.now:\n                continue\n",
        new="",
        caught_by=(f"{FOLD}::test_a_deadline_that_another_moved_away_does_not_fire",),
    ),
    Plant(
        name="unwritten-states-not-asked",
        breaks="states of this batch that are not written yet fire too",
        file="streams/fold.py",
        old="        for key in {*candidates, *self.changed}:\n",
        new="        for key in candidates:\n",
        caught_by=(f"{FOLD}::test_states_fire_by_deadline_then_handler_then_key",),
    ),
    Plant(
        name="stored-deadline-never-moves",
        breaks="a tick that finds that a deadline has moved re-arms it",
        file="streams/engine.py",
        old="        return await self._complete(store, kept, fired, listed), asked\n",
        new="        return await self._complete(store, kept, fired, listed), set()\n",
        caught_by=(f"{ENGINE}::test_a_tick_before_a_deadline_that_moved_stores_where_it_is_now",),
    ),
    Plant(
        name="other-version-read",
        breaks="code that cannot read a stored version refuses to start and says to rebuild",
        file="streams/states.py",
        old="    if handler is None or row.version != handler.VERSION:\n",
        new="    if handler is None:\n",
        caught_by=(f"{ENGINE}::test_a_state_of_another_version_stops_and_says_to_rebuild",),
    ),
    Plant(
        name="cache-kept-across-positions",
        breaks="the cache is valid only for the position it was loaded at",
        file="streams/engine.py",
        old="(kept.position, kept.generation) != stands",
        new="kept.generation != place.generation",
        caught_by=(f"{ENGINE}::test_what_is_known_of_a_position_counts_at_that_position_only",),
    ),
    Plant(
        name="cache-kept-across-generations",
        breaks="the cache is valid only for the rebuild generation it was loaded at",
        file="streams/engine.py",
        old="(kept.position, kept.generation) != stands",
        new="kept.position != place.next_offset",
        caught_by=(
            "tests/streams/test_rebuild_live.py::test_a_worker_does_not_go_on_from_what_it_kept_of_the_rows_before",
        ),
    ),
    Plant(
        name="cache-kept-when-revoked",
        breaks="the cache is dropped on revocation",
        file="streams/apps.py",
        old="        self.forget(list(revoked))\n",
        new="",
        caught_by=(
            f"{FAULTS}::test_what_was_kept_of_a_partition_is_forgotten_when_it_changes_hands",
        ),
    ),
    Plant(
        name="cache-kept-after-failure",
        breaks="the cache is dropped on any failed transaction",
        file="streams/engine.py",
        old="                self.forget([tp.partition])\n                raise\n",
        new="                raise\n",
        caught_by=(f"{ENGINE}::test_what_a_failed_transaction_folded_is_folded_again",),
    ),
    Plant(
        name="poison-passed-over",
        breaks="a handler that raises stops the process",
        file="streams/lanes.py",
        old="                die(fault, partition=self.tp.partition, topic=self.tp.topic)\n",
        new='                log("passed", why=str(fault))\n',
        caught_by=(f"{FAULTS}::test_poison_stops_the_engine_until_it_is_parked",),
    ),
)
