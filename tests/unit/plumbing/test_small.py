"""Clock, back-off, redaction and client settings."""

import asyncio
import io
import logging
import sys
from random import Random

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from plumbing import logs, waiting
from plumbing.backoff import Backoff
from plumbing.clock import SystemClock, iso, micros
from plumbing.errors import UsageError
from plumbing.kafka import NoBrokerError, client_config
from plumbing.logs import redact
from plumbing.settings import CommonSettings
from plumbing.waiting import Wait


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2014-04-07T11:19:14-07:00", "2014-04-07T18:19:14Z"),
        ("2015-03-10T23:11:59Z", "2015-03-10T23:11:59Z"),
        ("2026-11-21T10:00:00", "2026-11-21T10:00:00Z"),
        ("2026-11-21T10:00:00.000001Z", "2026-11-21T10:00:00.000001Z"),
    ],
)
def test_times_are_normalised_to_utc(text: str, utc: str) -> None:
    assert iso(micros(text)) == utc


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_time_survives_its_text(moment: int) -> None:
    assert micros(iso(moment)) == moment


@given(st.integers(min_value=0, max_value=10_000), st.randoms(use_true_random=False))
def test_back_off_grows_to_its_cap_and_is_never_nothing(attempt: int, random: Random) -> None:
    backoff = Backoff(first_s=0.5, cap_s=60)
    delay = backoff.delay(attempt, random)
    ceiling = min(60, 0.5 * 2 ** min(attempt, 30))
    assert ceiling / 2 <= delay <= ceiling


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://user:pw@example.com/x.git", "https://********@example.com/x.git"),
        ("two https://a:b@h/ and http://c@i/", "two https://********@h/ and http://********@i/"),
        ("Authorization: bearer eyJhbGciOi.J9.x-_y", "Authorization: bearer ********"),
        ("https://user:p@ss@example.com/x", "https://********@example.com/x"),
        ("a plain a@b text", "a plain a@b text"),
    ],
)
def test_logs_carry_no_user_info_and_no_token(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_sasl_without_mechanism_is_refused() -> None:
    settings = CommonSettings.load(kafka_security_protocol="SASL_SSL")
    with pytest.raises(UsageError, match="CFSTREAM_KAFKA_SASL_MECHANISM is not set"):
        client_config(settings)


def test_mechanism_without_sasl_is_refused_and_not_silently_plain() -> None:
    settings = CommonSettings.load(kafka_sasl_mechanism="PLAIN")
    with pytest.raises(UsageError, match="set it to SASL_SSL"):
        client_config(settings)


def test_scram_settings_reach_the_client() -> None:
    settings = CommonSettings.load(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="u",
        kafka_sasl_password="p",
        kafka_ssl_ca_file="/ca.pem",
    )
    config = client_config(settings)
    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert config["sasl.password"] == "p"
    assert config["ssl.ca.location"] == "/ca.pem"


def test_a_logger_outlives_the_stderr_it_first_wrote_to(monkeypatch: pytest.MonkeyPatch) -> None:
    log = structlog.get_logger("outlives")
    with io.StringIO() as first:
        monkeypatch.setattr(sys, "stderr", first)
        logs.configure("json")
        log.info("one")
        assert '"one"' in first.getvalue()
    second = io.StringIO()
    monkeypatch.setattr(sys, "stderr", second)
    log.info("two")
    logging.getLogger("outlives").warning("three")
    assert '"two"' in second.getvalue()
    assert '"three"' in second.getvalue()


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    seldom = logs.Seldom("aiokafka")

    def heard(name: str, message: str) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 1, message, (), None))

    said = [heard("aiokafka.conn", "no connection to %s") for _ in range(3)]
    assert said == [True, False, False]
    assert heard("aiokafka", "something else")
    assert [heard("processors", "no connection to %s") for _ in range(2)] == [True, True]


async def test_a_broker_that_goes_away_in_the_middle_of_a_start_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(_admin: object) -> None:
        raise TimeoutError

    def answers(_settings: CommonSettings, **_given: object) -> object:
        return object()

    monkeypatch.setattr(waiting, "require_broker", answers)
    with pytest.raises(NoBrokerError, match="no answer in time"):
        await Wait(asyncio.Event(), SystemClock(), Random(1), patient=False).for_broker(CommonSettings(), late)
