"""Matchers, mute times, silences and the notifier's part of the alerts file."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from plumbing.clock import SECOND
from plumbing.errors import UsageError
from processors.alerts.files import read
from processors.notify import silences
from processors.notify.config import AlertsConfig, Receiver, read_config
from processors.notify.matchers import Matcher, all_match
from processors.notify.mute import MuteTime
from processors.notify.routing import routes_of
from processors.notify.run import configuration
from processors.notify.settings import NotifierSettings


def matcher(text: str) -> Matcher:
    return Matcher.model_validate(text)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ('app="shop"', {"app": "shop"}, True),
        ("app=shop", {"app": "shop"}, True),
        ('app="shop"', {"app": "shop2"}, False),
        ('app!="shop"', {}, True),
        ('app=""', {}, True),
        ('app=~"sh.*"', {"app": "shop"}, True),
        ('app=~"ho"', {"app": "shop"}, False),
        ('app!~"sh.*"', {"app": "cart"}, True),
        ('app=~"a|b"', {"app": "b"}, True),
        ('app="a\\"b"', {"app": 'a"b'}, True),
        ('app = "x y"', {"app": "x y"}, True),
    ],
)
def test_a_matcher_means_what_it_means_to_alertmanager(text: str, labels: dict[str, str], *, expected: bool) -> None:
    assert matcher(text).matches(labels) is expected


@given(st.text(max_size=30), st.sampled_from(["=", "!="]))
def test_a_matcher_survives_its_text(value: str, operator: str) -> None:
    made = Matcher.model_validate({"name": "app", "operator": operator, "value": value})
    assert matcher(str(made)) == made


@pytest.mark.parametrize("text", ["", "app", "1a=b", 'app=~"("', '="x"', 'a="b"c'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        matcher(text)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("period", "moment", "expected"),
    [
        ({"hours": ["22:00-06:00"]}, "2026-11-21T23:00", True),
        ({"hours": ["22:00-06:00"]}, "2026-11-21T05:59", True),
        ({"hours": ["22:00-06:00"]}, "2026-11-21T06:00", False),
        ({"hours": ["09:00-17:00"]}, "2026-11-21T12:00", True),
        ({"weekdays": ["saturday:sunday"]}, "2026-11-21T12:00", True),
        ({"weekdays": ["saturday:monday"]}, "2026-11-23T12:00", True),
        ({"weekdays": ["tuesday"]}, "2026-11-21T12:00", False),
        ({"days_of_month": [21], "months": [11]}, "2026-11-21T12:00", True),
        ({"days_of_month": [21], "months": [12]}, "2026-11-21T12:00", False),
        ({"hours": ["20:00-22:00"], "time_zone": "Europe/Berlin"}, "2026-07-01T18:30", True),
        ({"hours": ["20:00-22:00"], "time_zone": "Europe/Berlin"}, "2026-12-01T18:30", False),
        ({"hours": ["20:00-24:00"]}, "2026-11-21T23:59", True),
    ],
)
def test_a_mute_time_holds_when_it_says(period: dict[str, Any], moment: str, *, expected: bool) -> None:
    assert MuteTime.model_validate({"name": "m", "periods": [period]}).holds(at(moment)) is expected


@pytest.mark.parametrize(
    "period",
    [{"hours": ["9-17"]}, {"weekdays": ["sunnyday"]}, {"months": [13]}, {"time_zone": "Moon/Sea"}, {"hour": []}],
)
def test_a_bad_mute_time_is_refused(period: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MuteTime.model_validate({"name": "m", "periods": [period]})


@pytest.mark.parametrize("matchers", [[], ["app=~.*"], ['app!="x"']])
def test_a_silence_of_everything_is_refused(matchers: list[str]) -> None:
    with pytest.raises(ValueError, match=r"matcher|every alert"):
        silences.create(matchers, now=0, seconds=60, author="x", comment="")


def test_a_silence_holds_from_its_start_to_before_its_end() -> None:
    one = silences.create(["app=shop"], now=10 * SECOND, seconds=5, author="x", comment="")
    assert [one.holds(moment * SECOND) for moment in (9, 10, 14, 15)] == [False, True, True, False]
    assert silences.from_record(dict(one.record(0))) == one
    assert all_match(one.matchers, {"app": "shop"})


BASE = "receivers:\n- {name: a, type: slack, url: 'https://x.example/h'}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BASE, "route.receiver is missing"),
        (BASE + "route: {receiver: b}\n", "names receiver 'b'"),
        (BASE + "route: {receiver: a, mute_times: [x]}\n", "names mute time 'x'"),
        (BASE + "route: {receiver: a, routes: [{receiver: c}]}\n", "names receiver 'c'"),
        (BASE + "- {name: a, type: slack, url: 'https://x.example/h'}\nroute: {receiver: a}\n", "two receivers"),
        (BASE + "route:\n  receiver: a\n  group_wait: soon\n", ":5: route.group_wait: 'soon' is no duration"),
        (BASE + "route:\n  receiver: a\n  matchers: ['x']\n", ":5: route.matchers.0: 'x' is no matcher"),
        ("heartbeat: {every: 1m}\n", "heartbeat: give one of url and url_file"),
    ],
)
def test_an_error_in_the_notifiers_part_is_said_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "alerts.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        read_config(read(path))
    assert expected in str(caught.value)
    assert "x.example" not in str(caught.value)


def test_a_slack_webhook_alone_is_enough() -> None:
    config = read_config(None, SecretStr("https://hooks.slack.com/services/T/B/x"))
    assert [(one.name, one.type) for one in config.receivers] == [("slack", "slack")]
    assert [options.receiver for options in routes_of(config.route, {})] == ["slack"]


def test_the_file_of_the_one_slack_webhook_is_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "url"
    path.write_text("https://hooks.slack.com/services/T/B/old\n", "utf-8")
    monkeypatch.setenv("CFSTREAM_SLACK_WEBHOOK_URL_FILE", str(path))
    (only,) = configuration(NotifierSettings.load()).receivers
    path.write_text("https://hooks.slack.com/services/T/B/new\n", "utf-8")
    assert only.address() == "https://hooks.slack.com/services/T/B/new"


def test_a_secret_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "url"
    one = Receiver.model_validate({"name": "r", "type": "slack", "url_file": str(path)})
    with pytest.raises(UsageError, match="url_file: cannot read"):
        one.address()
    for url in ("https://a.example/1", "https://a.example/2"):
        path.write_text(url + "\n", "utf-8")
        assert one.address() == url


def test_children_inherit_what_they_leave_out() -> None:
    config = AlertsConfig.model_validate(
        {
            "receivers": [{"name": "a", "type": "slack", "url": "https://x.example/h"}],
            "route": {
                "receiver": "a",
                "group_wait": "7s",
                "routes": [{"matchers": ["app=x"], "repeat_interval": "1h", "routes": [{"group_by": ["app"]}]}],
            },
        }
    )
    (deepest,) = routes_of(config.route, {"app": "x"})
    assert (deepest.receiver, deepest.group_wait_s, deepest.repeat_interval_s) == ("a", 7, 3600)
    assert deepest.group_by == ("app",)
