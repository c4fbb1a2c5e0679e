"""Settings: where they come from and how a wrong one is told."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from plumbing.errors import UsageError
from plumbing.settings import CommonSettings, Settings, check_names, masked


class Example(Settings):
    poll_seconds: int = Field(default=15, ge=1, le=60, description="Seconds between polls.")
    cf_client_secret: SecretStr | None = Field(default=None, description="The secret.")
    cf_api: str = Field(description="URL of the Cloud Controller.")


@pytest.fixture(autouse=True)
def _api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFSTREAM_CF_API", "https://api.example.com")


def test_environment_comes_before_file_and_file_before_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("poll_seconds: 5\n")
    assert Example.load().poll_seconds == 15
    assert Example.load(file).poll_seconds == 5
    monkeypatch.setenv("CFSTREAM_POLL_SECONDS", "7")
    assert Example.load(file).poll_seconds == 7
    assert Example.load(file, poll_seconds=9).poll_seconds == 9


def test_secret_comes_from_a_file_without_its_newline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("CFSTREAM_CF_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    secret = Example.load().cf_client_secret
    assert secret is not None
    assert secret.get_secret_value() == "s3cret"


def test_secret_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFSTREAM_CF_CLIENT_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="CFSTREAM_CF_CLIENT_SECRET_FILE: cannot read"):
        Example.load()


def test_secret_file_that_is_no_text_is_named_without_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_bytes(b"s3cret\xff")
    monkeypatch.setenv("CFSTREAM_CF_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    with pytest.raises(UsageError, match=r"^CFSTREAM_CF_CLIENT_SECRET_FILE: .* is not UTF-8 text$") as caught:
        Example.load()
    assert "s3cret" not in str(caught.value)


def test_value_out_of_range_is_one_line_with_name_value_and_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFSTREAM_POLL_SECONDS", "0")
    with pytest.raises(UsageError, match=r"^CFSTREAM_POLL_SECONDS='0': .*1 \(Seconds between polls\.\)$"):
        Example.load()


def test_missing_setting_says_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CFSTREAM_CF_API")
    with pytest.raises(UsageError, match=r"^CFSTREAM_CF_API is not set: URL of the Cloud Controller\.$"):
        Example.load()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"- a", "mapping of settings"), (b"a: [", "not YAML"), (b"a: \xff", "not UTF-8 text")],
)
def test_file_that_is_no_settings_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        Example.load(file)


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="readable YAML file"):
        Example.load(tmp_path / "none.yaml")


def test_misspelt_key_gets_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("pol_seconds: 5\n")
    with pytest.raises(UsageError, match="unknown setting pol_seconds; did you mean poll_seconds"):
        check_names(file, set(Example.model_fields))


def test_secrets_are_masked_in_what_is_logged() -> None:
    shown = masked(Example.load(cf_client_secret="canary"))
    assert shown["cf_client_secret"] == "********"
    assert "canary" not in str(shown)


def test_every_common_setting_is_described() -> None:
    assert all(field.description for field in CommonSettings.model_fields.values())
