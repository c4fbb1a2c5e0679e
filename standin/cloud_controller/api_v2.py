"""The endpoints of ``/v2``."""

from typing import TYPE_CHECKING, Any

from standin.cloud_controller import present_v2
from standin.cloud_controller.errors import ApiError
from standin.cloud_controller.http import V2_JSON, Answer, Call, json_answer
from standin.cloud_controller.query_v2 import bad, conditions, frame, parse
from standin.cloud_controller.rows import AuditRow, UsageRow
from standin.cloud_controller.selection import Selector, Wanted

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

USAGE_PER_PAGE_MOST = 10_000
EVENTS_PER_PAGE_MOST = 100


def json_v2(content: object) -> Answer:
    """Return a JSON answer with v2's content type."""
    return json_answer(content, content_type=V2_JSON)


class V2Feeds:
    """The same two feeds as v3's, in the older shapes."""

    def __init__(self, cc: "CloudController") -> None:
        self._cc = cc
        self._usage: Selector[UsageRow] = Selector(cc.ledger.usage_table)
        self._events: Selector[AuditRow] = Selector(cc.ledger.audit_table)

    def usage_events(self, call: Call) -> Answer:
        """List usage events in the order of insertion; for admins and read-only admins alone."""
        self._only({"cloud_controller.admin", "cloud_controller.admin_read_only"}, call)
        query = parse(call.query, most=USAGE_PER_PAGE_MOST, orders=("id",), preserved=("after_guid",))
        self._within_reach(query.page * query.size)
        table, after_guid = self._cc.ledger.usage_table, call.first("after_guid")
        after = table.get(after_guid) if after_guid is not None else None
        if after_guid is not None and after is None:
            raise bad(after_guid)
        wanted = Wanted(order=table.in_id_order, descending=query.descending, after=after)
        page = self._usage.page(wanted, query.page, query.size)
        return json_v2(frame(query, call.path, page.total, [self._show_usage(row) for row in page.rows]))

    def usage_event(self, call: Call) -> Answer:
        """Show one usage event."""
        guid = call.path_values["guid"]
        row = self._cc.ledger.usage_table.get(guid)
        if row is None:
            raise ApiError("EventNotFound", guid)
        if call.identity is None or not call.identity.reads_globally:
            raise ApiError("NotAuthorized")
        return json_v2(self._show_usage(row))

    def purge_and_reseed(self, call: Call) -> Answer:
        """Replace all usage events by one row a started process."""
        self._only({"cloud_controller.admin"}, call)
        self._cc.purge_and_reseed()
        return Answer(b"", 204)

    def events(self, call: Call) -> Answer:
        """List audit events by time; without a global role the list is empty."""
        query = parse(call.query, most=EVENTS_PER_PAGE_MOST, orders=("timestamp", "id"))
        self._within_reach(query.page * query.size)
        query.echoed += [("order-by", "timestamp"), ("order-by", "id")]
        times, keep = conditions(query.filters)
        if call.identity is None or not call.identity.reads_globally:
            return json_v2(frame(query, call.path, 0, []))
        index = self._cc.ledger.audit_table.in_v2_time_order
        wanted = Wanted(
            order=index,
            descending=query.descending,
            created=times,
            keep=keep,
            key=(str(query.filters), query.direction),
        )
        page = self._events.page(wanted, query.page, query.size)
        return json_v2(frame(query, call.path, page.total, [self._show_event(row) for row in page.rows]))

    def event(self, call: Call) -> Answer:
        """Show one audit event."""
        guid = call.path_values["guid"]
        row = self._cc.ledger.audit_table.get(guid)
        if row is None or call.identity is None or not call.identity.reads_globally:
            raise ApiError("EventNotFound", guid)
        return json_v2(self._show_event(row))

    def _within_reach(self, last: int) -> None:
        most = self._cc.options.max_total_results
        if most is not None and last > most:
            raise bad(f"(page * per_page) must be less than {most}")

    def _show_usage(self, row: UsageRow) -> Any:
        return self._cc.damage.apply(row.guid, present_v2.usage_event(row))

    def _show_event(self, row: AuditRow) -> Any:
        return self._cc.damage.apply(row.guid, present_v2.event(row))

    @staticmethod
    def _only(scopes: set[str], call: Call) -> None:
        if call.identity is None or not scopes & call.identity.scopes:
            raise ApiError("NotAuthorized")
