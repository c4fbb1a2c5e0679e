"""An app's history reads as what happened, not as what the fields say."""

from typing import Any

from support.usage_rows import T0, usage

from cfstream.commands import totals
from cfstream.history import _usage

HOUR = 3600 * 1_000_000


def detail(row: Any) -> str:
    return str(next(_usage(dict(row)))["detail"])


def test_a_stop_does_not_look_as_if_something_ran_on() -> None:
    assert detail(usage("STARTED", 1, instances=2, memory=64)) == "web 2 x 64 MB"
    assert detail(usage("STOPPED", 1, instances=2, memory=64)) == "web none left of 2 x 64 MB"


def test_a_buildpack_has_a_name_and_no_instances() -> None:
    assert detail({**usage("BUILDPACK_SET", 1), "buildpack_name": "python"}) == "python"


def test_an_open_hour_says_how_far_it_is_counted() -> None:
    assert totals._counted_to({"hour": T0, "until": T0 + HOUR}) == "its end"
    assert totals._counted_to({"hour": T0, "until": T0 + 61_000_000}) == "08:01:01, open"
