"""Which faults break alerts and their delivery? (section 5)"""

from tests.plants.plant import Plant

SENDER = "tests/streams/test_sender.py"
INBOX = "tests/streams/test_slack.py"
ENGINE = "tests/streams/test_engine.py"

PLANTS = (
    Plant(
        name="alert-without-episode",
        breaks="alert_id = uuid5(customer, rule, subject, episode)",
        file="handlers/alerts.py",
        old="ident(event.customer, event.rule, event.subject, alert.episode.isoformat())",
        new="ident(event.customer, event.rule, event.subject)",
        caught_by=(
            "tests/handlers/test_alerts.py::test_an_alert_is_named_by_customer_rule_subject_and_episode",
        ),
    ),
    Plant(
        name="raised-again-as-new",
        breaks="an id raised again re-opens that alert as its next version",
        file="handlers/alerts.py",
        old="known = None if event.quiet else state.closed_at(event.since)",
        new="known = None",
        caught_by=(
            "tests/handlers/test_alerts.py::test_the_same_stall_again_opens_the_same_alert",
        ),
    ),
    Plant(
        name="outbox-deleted-first",
        breaks="the relay is at least once: an outbox row goes once it is on the topic",
        file="streams/relay.py",
        old='    failpoint("relay.before")\n',
        new=(
            "    async with pool.connection() as connection:\n"
            '        gone = "DELETE FROM outbox WHERE seq = ANY(%s)"\n'
            "        await connection.execute(gone, ([row[0] for row in waiting],))\n"
            '    failpoint("relay.before")\n'
        ),
        caught_by=(
            "tests/streams/test_engine_faults.py::test_a_relay_killed_before_it_knows_sends_again",
        ),
    ),
    Plant(
        name="outbox-out-of-order",
        breaks="the relay moves outbox rows in order",
        file="streams/relay.py",
        old="ORDER BY seq LIMIT %s",
        new="ORDER BY seq DESC LIMIT %s",
        caught_by=(f"{ENGINE}::test_results_do_not_depend_on_batch_size",),
    ),
    Plant(
        name="inbox-not-locked",
        breaks="the Slack agent commits its position like the others",
        file="streams/slack.py",
        old="WHERE app = 'slack' AND topic = %s AND partition = %s FOR UPDATE",
        new="WHERE app = 'slack' AND topic = %s AND partition = %s",
        caught_by=(f"{INBOX}::test_an_owner_that_waited_for_another_takes_in_what_the_other_left",),
        error="streams.stop.Fenced",
    ),
    Plant(
        name="alerts-hole-not-noticed",
        breaks="holes stop with a named error",
        file="streams/slack.py",
        old="            if record.offset == position:\n",
        new="            if (position := max(position, record.offset)) == record.offset:\n",
        caught_by=(f"{INBOX}::test_a_hole_is_sought_back_to_once_and_then_stops",),
    ),
    Plant(
        name="no-silence",
        breaks="a version above 1 without a ledger row is recorded silent",
        file="streams/slack.py",
        old='["pending" if begun[alert].version == 1 else "silent" for alert in alerts]',
        new='["pending" for alert in alerts]',
        caught_by=(f"{INBOX}::test_an_alert_whose_beginning_was_never_heard_stays_silent",),
    ),
    Plant(
        name="ledger-not-written-before-the-post",
        breaks="sending is written before the POST",
        file="streams/slack.py",
        old="UPDATE deliveries SET state = 'sending', sending = %s,",
        new="UPDATE deliveries SET sending = %s,",
        caught_by=(f"{SENDER}::test_a_sender_killed_on_the_way_leaves_one_card_in_the_end",),
    ),
    Plant(
        name="doubt-not-looked-into",
        breaks="an unknown outcome is looked up in the history before it is sent again",
        file="streams/slack.py",
        old='        return self.state == "sending" and self.ts is None\n',
        new="        return False\n",
        caught_by=(f"{SENDER}::test_a_card_that_slack_took_without_saying_so_is_found",),
        error="ValueError: too many values to unpack",
    ),
    Plant(
        name="looked-into-once",
        breaks="the history is looked into twice, for it lags",
        file="streams/sender.py",
        old="        elif claim.looked + 1 < len(self._timing.looks):\n",
        new="        elif claim.looked > 0:\n",
        caught_by=(f"{SENDER}::test_a_card_that_history_shows_late_is_not_sent_again",),
    ),
    Plant(
        name="not-counted",
        breaks="what could not be settled is counted",
        file="streams/sender.py",
        old='        elif await self._ledger.put_off(claim, f"unsettled, {why}", 0):\n',
        new='        elif not await self._ledger.put_off(claim, f"unsettled, {why}", 0):\n',
        caught_by=(f"{SENDER}::test_a_card_that_slack_did_not_take_is_sent_again_and_counted",),
    ),
    Plant(
        name="no-delivery-id",
        breaks="each message carries its delivery id in Slack metadata",
        file="streams/slack_api.py",
        old='{"delivery_id": str(alert), "version": version}',
        new='{"version": version}',
        caught_by=(f"{SENDER}::test_a_card_that_slack_took_without_saying_so_is_found",),
        error="ValueError: too many values to unpack",
    ),
    Plant(
        name="lease-not-fenced",
        breaks="what a sender records after its lease is fenced",
        file="streams/slack.py",
        old=(
            '        f"UPDATE deliveries SET {changes}, lease_until = NULL"\n'
            '        " WHERE alert = %s AND lease_until = %s",\n'
        ),
        new=(
            '        f"UPDATE deliveries SET {changes}, lease_until = NULL"\n'
            '        " WHERE alert = %s AND %s::timestamptz IS NOT NULL",\n'
        ),
        caught_by=(f"{SENDER}::test_a_delivery_under_a_lease_is_its_holders_alone",),
    ),
    Plant(
        name="begun-without-a-lease",
        breaks="a sender whose lease another took over does not begin to send",
        file="streams/slack.py",
        old=(
            "                    lease_until = clock_timestamp() + %s\n"
            "                WHERE alert = %s AND lease_until = %s\n"
        ),
        new=(
            "                    lease_until = clock_timestamp() + %s\n"
            "                WHERE alert = %s AND %s::timestamptz IS NOT NULL\n"
        ),
        caught_by=(f"{SENDER}::test_a_delivery_under_a_lease_is_its_holders_alone",),
    ),
    Plant(
        name="lease-not-checked-before-the-post",
        breaks="the lease is checked last before the request",
        file="streams/sender.py",
        old="        if time.monotonic() > sending.until - self._timing.request:\n",
        new="        if sending.until < 0:\n",
        caught_by=(
            f"{SENDER}::test_a_sender_frozen_before_its_lease_check_sends_nothing_when_it_wakes",
        ),
    ),
    Plant(
        name="leased-rows-claimed",
        breaks="a delivery under a lease is its holder's",
        file="streams/slack.py",
        old="                      AND coalesce(d.lease_until < clock_timestamp(), true)\n",
        new="",
        caught_by=(f"{SENDER}::test_a_delivery_under_a_lease_is_its_holders_alone",),
    ),
    Plant(
        name="retry-handler-left-on",
        breaks="retry_handlers=[]",
        file="streams/slack_api.py",
        old="            retry_handlers=[],\n",
        new="",
        caught_by=(f"{SENDER}::test_the_sdk_never_posts_again_by_itself",),
    ),
    Plant(
        name="second-card-for-a-change",
        breaks="a card is posted, then mended; never a second one",
        file="streams/sender.py",
        old="            if ts:\n                await self._slack.update(",
        new="            if ts and claim.thread:\n                await self._slack.update(",
        caught_by=(f"{SENDER}::test_a_change_mends_the_card_and_posts_no_second_one",),
        error="ValueError: too many values to unpack",
    ),
    Plant(
        name="no-fallback",
        breaks="no reachable CSM: the fallback channel",
        file="streams/sender.py",
        old="as refused:\n                if refused.token and str(refused)",
        new="as refused:\n                if str(refused)",
        caught_by=(
            f"{SENDER}::test_without_a_reachable_csm_the_card_goes_to_the_fallback_channel",
        ),
    ),
)
