"""Whatever the table did before, a page is the page of a plain filter and sort."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from standin.cloud_controller.list_query import Times
from standin.cloud_controller.rows import Actor, AuditRow
from standin.cloud_controller.selection import Selector, Wanted
from standin.cloud_controller.table import Table, by_id, by_time_and_guid

SECOND = 1_000_000
WHO = Actor("a", "user", "a")


def row(number: int, second: int, late: int, name: int) -> AuditRow:
    guid = f"{name:03d}-{number}"
    at = second * SECOND
    return AuditRow(number, guid, at, at + late, "t", WHO, WHO, {}, None, f"o{number % 3}")


rows_of = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 999)), max_size=40).map(
    lambda drawn: [row(number, *one) for number, one in enumerate(drawn, 1)]
)
bounds = st.one_of(st.none(), st.integers(0, 10).map(lambda second: second * SECOND))
times_of = st.one_of(
    st.none(),
    st.builds(Times, lowest=bounds, highest=bounds),
    st.builds(Times, any_of=st.frozensets(st.integers(0, 9).map(lambda second: second * SECOND), max_size=3)),
)


@given(
    rows=rows_of,
    cut=st.integers(0, 5),
    created=times_of,
    descending=st.booleans(),
    by_time=st.booleans(),
    after=st.integers(-1, 40),
    org=st.sampled_from([None, "o0", "o1"]),
    number=st.integers(1, 6),
    size=st.integers(1, 12),
)
def test_a_page_equals_a_plain_filter_and_sort(
    *,
    rows: list[AuditRow],
    cut: int,
    created: Times | None,
    descending: bool,
    by_time: bool,
    after: int,
    org: str | None,
    number: int,
    size: int,
) -> None:
    table: Table[AuditRow] = Table()
    for one in rows:
        table.insert(one, one.created_at)
    table.commit_until(9 * SECOND + 3)
    table.delete_older_than(cut * SECOND, keep_newest=False)
    seen = [one for one in rows if one.visible_at <= 9 * SECOND + 3 or one.visible_at == one.created_at]
    seen = [one for one in seen if one.created_at >= cut * SECOND]
    behind = seen[after] if 0 <= after < len(seen) else None
    keep: Callable[[AuditRow], bool] | None = (lambda one: one.org_guid == org) if org else None
    wanted: Wanted[AuditRow] = Wanted(
        order=table.in_time_order if by_time else table.in_id_order,
        descending=descending,
        after=behind,
        created=created,
        keep=keep,
    )
    plain = [
        one
        for one in seen
        if (created is None or created.meets(one.created_at))
        and (behind is None or one.id > behind.id)
        and (org is None or one.org_guid == org)
    ]
    plain.sort(key=by_time_and_guid if by_time else by_id, reverse=descending)
    page = Selector(table).page(wanted, number, size)
    assert page.total == len(plain)
    assert list(page.rows) == plain[(number - 1) * size : number * size]
