"""The self-check at the start: every private name and version that the lane leans on."""

from typing import Any

import pytest

from plumbing.errors import CfstreamError
from processors.lane import check
from processors.lane.app import LaneSettings, create_app


def test_the_installed_libraries_fit() -> None:
    assert check.trouble() is None


def test_another_version_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check.VERSIONS, "aiokafka", "0.99.0")
    with pytest.raises(CfstreamError, match=r"aiokafka .* is installed but the worker is made for 0\.99\.0"):
        check.check()


@pytest.mark.parametrize(("owner", "names"), check._NAMES)
def test_a_missing_private_name_is_refused(owner: Any, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in names:
        with monkeypatch.context() as patch:
            for base in owner.__mro__:
                if name in vars(base):
                    patch.delattr(base, name)
            if not hasattr(owner, name):
                assert check.trouble() is not None


@pytest.mark.parametrize("index", range(len(check._KEPT)))
def test_an_attribute_that_the_client_no_longer_keeps_is_refused(index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list(check._KEPT)
    kept[index] = (kept[index][0], "_renamed", kept[index][2])
    monkeypatch.setattr(check, "_KEPT", tuple(kept))
    assert "no longer keeps _renamed" in (check.trouble() or "")


def test_the_application_is_safe_to_start() -> None:
    conf = create_app(LaneSettings(group="g", bootstrap_servers="a:1,b:2", instance_id="w-0")).conf
    assert conf.table_standby_replicas == 0
    assert conf.consumer_auto_offset_reset == "earliest"
    assert conf.consumer_group_instance_id == "w-0"
    assert str(conf.canonical_url) == "http://w-0"
    assert not conf.web_enabled
    assert "CrashingSupervisor" in str(conf.agent_supervisor)
    assert [f"{url.host}:{url.port}" for url in conf.broker] == ["a:1", "b:2"]
