"""No query string, however odd, is answered by anything but a list or a refusal."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.simulated import Direct, standing_still

CLIENT = Direct(standing_still(apps=3, usage_rows=30))
KEYS = (
    "page", "per_page", "order_by", "created_ats", "created_ats[gt]", "created_ats[]", "guids", "after_guid", "types",
    "target_guids", "target_guids[not]", "results-per-page", "order-direction", "order-by", "q",
    "inline-relations-depth",
)  # fmt: skip
VALUES = (
    "", "0", "-1", "1", "5000", "99999999999999999999", "²", "asc", "-created_at", " created_at", "timestamp", "a,b",
    "2026-13-41T99:99:99Z", "2026-11-21T09:30:00Z", "timestamp>0001-01-01T00:00:00+14:00", "type:app.crash;actee:x",
    "timestamp IN ", "type IN a,b", ";;", ":", "%zz", CLIENT.cc.ledger.usage[3].guid,
)  # fmt: skip


@settings(max_examples=300)
@given(
    path=st.sampled_from(
        ["/v3/app_usage_events", "/v3/audit_events", "/v3/processes", "/v2/app_usage_events", "/v2/events"]
    ),
    pairs=st.lists(
        st.tuples(st.sampled_from(KEYS), st.one_of(st.sampled_from(VALUES), st.text(max_size=12))), max_size=4
    ),
)
def test_it_is_a_list_or_a_refusal(path: str, pairs: list[tuple[str, str]]) -> None:
    reply = CLIENT.get(path, **{key.replace("[", "__").rstrip("]"): value for key, value in pairs})
    if reply.status == 200:
        assert isinstance(reply.content["resources"], list)
    else:
        assert reply.status in (400, 422, 500)
        assert "errors" in reply.content or "error_code" in reply.content


@pytest.mark.parametrize("moment", ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z"])
def test_a_day_that_does_not_exist_is_refused(moment: str) -> None:
    assert CLIENT.get("/v3/app_usage_events", created_ats__gte=moment).status == 422
    assert CLIENT.get("/v3/audit_events", created_ats=moment).status == 400
    assert CLIENT.get(f"/v2/events?q=timestamp>{moment}").status == 400
