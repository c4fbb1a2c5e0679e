"""The script of faults, damaged rows, limits and the clock do what they say."""

import gzip
import zlib

import orjson
import pytest
from support.simulated import START, Direct, standing_still

from standin.cloud_controller.damage import DAMAGES
from standin.cloud_controller.faults import Fault, Faults, spoiled
from standin.cloud_controller.http import Answer
from standin.cloud_controller.options import Options, RateLimit

USAGE = "/v3/app_usage_events"
GOOD = Answer(orjson.dumps({"pagination": {"next": None}, "resources": ["x" * 3000]}), 200, {"Content-Type": "a"})


def test_a_fault_hits_the_requests_it_names_and_only_so_often() -> None:
    faults = Faults()
    faults.add(Fault("status", path="/v3/app.*", method="GET", count=2, skip=1))
    hits = [faults.take("GET", "/v3/apps") is not None for _ in range(5)]
    assert hits == [False, True, True, False, False]
    assert faults.take("POST", "/v3/apps") is None
    assert faults.take("GET", "/v3/audit_events") is None


def test_the_first_line_that_is_not_used_up_wins_and_none_is_endless() -> None:
    faults = Faults()
    faults.add(Fault("empty"))
    faults.add(Fault("html", count=None))
    assert [fault.kind for _ in range(4) if (fault := faults.take("GET", "/"))] == ["empty", "html", "html", "html"]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault is called"):
        Faults().add_from({"kind": "earthquake"})
    with pytest.raises(ValueError, match="unknown: colour"):
        Faults().add_from({"kind": "reset", "colour": "red"})


def test_retry_after_in_seconds_or_as_a_date() -> None:
    in_seconds = spoiled(Fault("status", status=429, retry_after=7), GOOD, 0)
    assert (in_seconds.status, in_seconds.headers["Retry-After"]) == (429, "7")
    assert in_seconds.headers["Content-Type"].startswith("text/plain")
    as_date = spoiled(Fault("status", retry_after=60, as_date=True), GOOD, 0)
    assert (as_date.status, as_date.headers["Retry-After"]) == (503, "Thu, 01 Jan 1970 00:01:00 GMT")


def test_a_gateway_answers_in_html() -> None:
    assert spoiled(Fault("status", status=502), GOOD, 0).headers["Content-Type"] == "text/html"
    assert spoiled(Fault("html"), GOOD, 0).status == 200


def test_cut_bodies_cannot_be_read() -> None:
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(spoiled(Fault("truncated_json"), GOOD, 0).body)
    cut = spoiled(Fault("cut_gzip"), GOOD, 0)
    assert cut.headers["Content-Encoding"] == "gzip"
    with pytest.raises((EOFError, zlib.error)):
        gzip.decompress(cut.body)


def test_links_that_lead_elsewhere() -> None:
    away = orjson.loads(spoiled(Fault("foreign_next", location="http://evil.test/"), GOOD, 0).body)
    assert away["pagination"]["next"]["href"].startswith("http://evil.test/")
    assert spoiled(Fault("redirect", location="http://evil.test/"), GOOD, 0).headers["Location"] == "http://evil.test/"


@pytest.mark.parametrize("kind", sorted(DAMAGES))
@pytest.mark.parametrize("path", [USAGE, "/v3/audit_events", "/v2/app_usage_events", "/v2/events"])
def test_a_damaged_row_stays_damaged_and_the_others_whole(kind: str, path: str) -> None:
    client = Direct(standing_still(apps=3, usage_rows=20))
    whole = client.get(path).content["resources"]
    guid = client.get(path).guids[1]
    client.cc.damage.add(guid, kind)
    damaged = client.get(path).content["resources"]
    assert client.get(path).content["resources"] == damaged
    assert damaged[1] != whole[1]
    assert [*damaged[:1], *damaged[2:]] == [*whole[:1], *whole[2:]]
    client.cc.damage.clear()
    assert client.get(path).content["resources"] == whole


def test_damage_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no damage is called"):
        standing_still().damage.add("x", "rust")


def test_the_general_limit() -> None:
    client = Direct(standing_still(options=Options(api_rate_limit=RateLimit(requests=10, window_s=60))))
    first = client.get(USAGE)
    assert first.headers["X-RateLimit-Limit"] == "10"
    assert first.headers["X-RateLimit-Remaining"] == "9"
    assert first.headers["X-RateLimit-Reset"] == str(START // 1_000_000 + 60)
    for _ in range(9):
        assert client.get(USAGE).status == 200
    client.cc.step(20)
    refused = client.get(USAGE)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "40")
    assert refused.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert refused.content["errors"][0]["code"] == 10013
    assert client.get("/v3").status == 200, "the root is not limited"
    client.cc.step(40)
    assert client.get(USAGE).status == 200


def test_a_new_token_does_not_renew_the_budget() -> None:
    client = Direct(standing_still(options=Options(api_rate_limit=RateLimit(requests=1))))
    client.get(USAGE)
    assert Direct(client.cc).service is not client.service
    client.token = client.log_in().content["access_token"]
    assert client.get(USAGE).status == 429


def test_the_limit_of_v2_has_headers_of_its_own() -> None:
    client = Direct(standing_still(options=Options(v2_rate_limit=RateLimit(requests=1))))
    assert client.get("/v2/events").headers["X-RateLimit-Remaining-V2-API"] == "0"
    refused = client.get("/v2/events")
    assert (refused.status, refused.content["code"]) == (429, 10018)
    assert client.get(USAGE).status == 200


def test_v3_info_tells_the_limit() -> None:
    limited = Direct(standing_still(options=Options(api_rate_limit=RateLimit(requests=2000))))
    assert limited.get("/v3/info").content["rate_limits"] == {
        "enabled": True,
        "general_limit": 2000,
        "reset_interval_in_minutes": 60,
    }
    assert Direct(standing_still()).get("/v3/info").content["rate_limits"]["enabled"] is False


def test_the_date_follows_the_simulated_clock_and_its_skew() -> None:
    client = Direct(standing_still())
    assert client.get("/v3").headers["Date"] == "Sat, 21 Nov 2026 10:00:00 GMT"
    client.cc.step(3600)
    client.cc.clock.skew_s = -600
    assert client.get("/v3").headers["Date"] == "Sat, 21 Nov 2026 10:50:00 GMT"
    assert client.cc.truth()["now"] == START + 3600 * 1_000_000
