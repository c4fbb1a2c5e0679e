"""Settings of the producer: what is refused, and how several foundations share one file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from plumbing.errors import UsageError
from producer.retire import place
from producer.settings import FEEDS, ProducerSettings
from producer.share import partition_of

BASE: dict[str, Any] = {"cf_api": "https://api.example.com", "cf_client_id": "c", "cf_client_secret": "s3cr3t"}


def load(tmp_path: Path, **settings: Any) -> ProducerSettings:
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump(settings))
    return ProducerSettings.load(config)


def test_one_foundation_from_plain_settings(tmp_path: Path) -> None:
    (found,) = load(tmp_path, **BASE, orgs="o1, o2", audit_types="app.crash").resolved()
    assert (found.name, found.api, found.feeds) == ("default", "https://api.example.com", FEEDS)
    assert found.filters.orgs == {"o1", "o2"}
    assert found.audit_types == ("app.crash",)
    assert (found.credentials.client_id, found.credentials.username) == ("c", None)


def test_a_feed_asked_for_on_the_command_line_is_the_only_one(tmp_path: Path) -> None:
    (found,) = load(tmp_path, **BASE).resolved((FEEDS[1],))
    assert found.feeds == (FEEDS[1],)


def test_each_foundation_has_its_own_credentials_prefix_and_start(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    east = {"name": "east", "cf_api": "https://east", "cf_client_id": "e", "cf_client_secret_file": str(secret)}
    west = {"name": "west", "cf_api": "https://west", "topic_prefix": "w.", "start": "now", "orgs": ["o9"]}
    found = load(tmp_path, **BASE, foundations=[east, west]).resolved()
    assert [each.credentials.client_secret for each in found] == ["from-a-file", "s3cr3t"]
    assert [each.topic_prefix for each in found] == ["cf.", "w."]
    assert [each.start for each in found] == ["oldest", "now"]
    assert found[1].filters.orgs == {"o9"}


@pytest.mark.parametrize(
    ("second", "says"),
    [
        ({"name": "east", "cf_api": "https://west"}, "given twice"),
        ({"name": "west", "cf_api": "https://EAST/"}, "read twice"),
        (
            {"name": "west", "cf_api": "https://west", "cf_client_secret_file": "/no", "cf_client_id": "x"},
            "cannot read",
        ),
    ],
)
def test_two_tails_configured_alike_are_refused(tmp_path: Path, second: dict[str, str], says: str) -> None:
    first = {"name": "east", "cf_api": "https://east"}
    with pytest.raises(UsageError, match=says):
        load(tmp_path, **BASE, foundations=[first, second]).resolved()


def test_the_same_names_under_another_prefix_are_another_tail(tmp_path: Path) -> None:
    entries = [{"name": "a", "cf_api": "https://x", "topic_prefix": prefix} for prefix in ("p.", "q.")]
    assert len(load(tmp_path, **BASE, foundations=entries).resolved()) == 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cf_api": None}, "CFSTREAM_CF_API is not set"),
        ({"cf_client_id": None, "cf_client_secret": None}, "no credentials"),
        ({"cf_client_secret": None}, "no credentials"),
        ({"cf_username": "ada"}, "CFSTREAM_CF_PASSWORD is not set"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, settings: dict[str, Any], says: str) -> None:
    given = {name: value for name, value in (BASE | settings).items() if value is not None}
    with pytest.raises(UsageError, match=says):
        load(tmp_path, **given).resolved()


@pytest.mark.parametrize(
    "settings",
    [
        {"settle_seconds": -1},
        {"poll_seconds": 0},
        {"page_size": 5001},
        {"start": "soon"},
        {"cf_api": "https://user:pass@api"},
        {"foundation": "a/b"},
        {"cf_api_version": "v4"},
        {"foundations": [{"name": "x", "cf_api": "https://x", "typo": 1}]},
    ],
)
def test_a_value_out_of_bounds_is_refused_with_its_name(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"CFSTREAM_{next(iter(settings)).upper()}"):
        load(tmp_path, **(BASE | settings))


def test_a_feed_is_retired_under_the_prefix_of_its_foundation(tmp_path: Path) -> None:
    east = {"name": "east", "cf_api": "https://east"}
    west = {"name": "west", "cf_api": "https://west", "topic_prefix": "w."}
    assert place(load(tmp_path), None) == ("default", "cf.")
    assert place(load(tmp_path, foundations=[west]), None) == ("west", "w.")
    both = load(tmp_path, foundations=[east, west])
    assert (place(both, "east"), place(both, "west")) == (("east", "cf."), ("west", "w."))
    assert place(both, "gone") == ("gone", "cf.")
    with pytest.raises(UsageError, match="--foundation is needed: there are east, west"):
        place(both, None)
    with pytest.raises(UsageError, match="two have this name"):
        place(load(tmp_path, foundations=[east | {"topic_prefix": "e."}, west | {"name": "east"}]), "east")


def test_the_feeds_of_a_foundation_belong_to_neighbouring_partitions() -> None:
    first, second = (partition_of("east", feed, 12) for feed in FEEDS)
    assert (second - first) % 12 == 1
    assert partition_of("east", FEEDS[0], 12) == first
    assert partition_of("east", FEEDS[1], 1) == 0


def test_the_files_of_secrets_are_known_so_that_they_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file\n")
    monkeypatch.setenv("CFSTREAM_CF_CLIENT_SECRET_FILE", str(secret))
    base = {name: value for name, value in BASE.items() if name != "cf_client_secret"}
    (found,) = load(tmp_path, **base).resolved()
    assert (found.credentials.client_secret, found.credentials.client_secret_file) == ("from-a-file", secret)
    monkeypatch.setenv("CFSTREAM_CF_CLIENT_SECRET", "given")
    (found,) = load(tmp_path, **base).resolved()
    assert (found.credentials.client_secret, found.credentials.client_secret_file) == ("given", None)
    entry = {"name": "e", "cf_api": "https://e", "cf_client_id": "e", "cf_client_secret_file": str(secret)}
    (found,) = load(tmp_path, **base, foundations=[entry]).resolved()
    assert found.credentials.client_secret_file == secret
    assert found.credentials.renewed().client_secret == "from-a-file"
