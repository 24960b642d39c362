"""How many rounds may be under way, and what is sent again."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry

from events.identifiers import signal_id
from events.reading import read_input
from services.agreements.loading import parse
from services.canary.app import build
from services.canary.metrics import Metrics
from services.canary.rounds import UNDER_WAY_MAX, Rounds
from services.canary.sending import Sending
from services.canary.speech import Speech
from services.runtime.errors import SettingsError, TransientError
from services.runtime.settings import Settings
from tests.unit.metrics.test_families import TOWN

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = 3600


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Faulty:
    """A gateway that does not take the first events that it is given."""

    def __init__(self, failures):
        self.failures = failures
        self.given = []
        self.taken = asyncio.Event()

    async def send(self, event):
        self.given.append(event)
        if len(self.given) <= self.failures:
            raise TransientError("the broker is away")
        self.taken.set()


@pytest.fixture
def registry():
    return CollectorRegistry()


def test_while_the_loop_stands_still_no_more_than_ten_are_sent_in_an_hour(registry):
    clock = Clock()
    rounds = Rounds(Metrics(registry), clock=clock)
    for number in range(UNDER_WAY_MAX):
        assert rounds.may_send()
        rounds.begin(UUID(int=number))
    assert not rounds.may_send()
    assert registry.get_sample_value("koikarper_runtime_canary_under_way") == UNDER_WAY_MAX
    clock.now = HOUR
    assert rounds.may_send()


def test_one_that_comes_round_makes_room(registry):
    rounds = Rounds(Metrics(registry))
    for number in range(UNDER_WAY_MAX):
        rounds.begin(UUID(int=number))
    rounds.closed(UUID(int=3))
    assert rounds.may_send()
    rounds.closed(UUID(int=999))  # one from before a restart
    assert rounds.under_way == UNDER_WAY_MAX - 1
    assert registry.get_sample_value("koikarper_runtime_canary_steps_total", {"step": "closed"}) == 2


async def test_what_the_gateway_does_not_take_is_sent_again_as_the_same_event(registry):
    metrics, gateway = Metrics(registry), Faulty(failures=2)
    rounds = Rounds(metrics)
    sending = Sending(gateway, Speech(parse(TOWN)), rounds, metrics, 0.02, lambda: AT, iter("abcdefgh").__next__)
    sending.start()
    async with asyncio.timeout(10):
        await gateway.taken.wait()
    await sending.stop()
    first, second, third = gateway.given[:3]
    assert first == second == third
    assert rounds.under_way >= 1
    assert registry.get_sample_value("koikarper_runtime_canary_send_failures_total") == 2


def test_both_its_events_are_such_as_the_loop_reads():
    speech = Speech(parse(TOWN))
    report = speech.report("a", AT)
    assert read_input(report, AT, strict=True).source == parse(TOWN).canary.source
    signal = signal_id(report["source"], "a")
    confirmed = speech.confirmed(signal)
    assert read_input(confirmed, AT, strict=True).data.signal == signal
    assert confirmed == speech.confirmed(signal)


def test_without_a_token_it_says_what_to_name(tmp_path):
    file = tmp_path / "agreements.yaml"
    file.write_text(TOWN)
    with pytest.raises(SettingsError, match="KOIKARPER_CANARY_TOKEN_FILE"):
        build(Settings(agreements=file))
