"""The endpoints of ``/v3``."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from standin.cloud_controller import present_v3, truth
from standin.cloud_controller.errors import ApiError
from standin.cloud_controller.http import Answer, Call, json_answer
from standin.cloud_controller.list_query import ListQuery, ListRules, parse
from standin.cloud_controller.rows import AuditRow, UsageRow
from standin.cloud_controller.selection import Selector, Wanted

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

USAGE_RULES = ListRules(keys=("after_guid",), orders=("created_at",), error="UnprocessableEntity", updated_ats=False)
AUDIT_RULES = ListRules(keys=("types", "target_guids", "space_guids", "organization_guids"))

T = TypeVar("T")


def paginated(query: ListQuery, url: str, total: int, resources: Sequence[Any]) -> Answer:
    """Return a page in v3's frame; next and previous are full addresses or null."""
    last = max(1, -(-total // query.per_page))

    def link(page: int) -> dict[str, str]:
        return {"href": query.href(url, page)}

    return json_answer(
        {
            "pagination": {
                "total_results": total,
                "total_pages": last,
                "first": link(1),
                "last": link(last),
                "next": link(query.page + 1) if query.page < last else None,
                "previous": link(query.page - 1) if query.page > 1 else None,
            },
            "resources": resources,
        }
    )


class V3Feeds:
    """Usage events and audit events."""

    def __init__(self, cc: "CloudController") -> None:
        self._cc = cc
        self._usage: Selector[UsageRow] = Selector(cc.ledger.usage_table)
        self._audit: Selector[AuditRow] = Selector(cc.ledger.audit_table)

    def usage_events(self, call: Call) -> Answer:
        """List usage events in the order of insertion; empty, not refused, without a global role."""
        query = parse(call.query, USAGE_RULES, self._cc.options.max_total_results)
        if not sees_all(call):
            return paginated(query, f"{call.base}{call.path}", 0, [])
        table = self._cc.ledger.usage_table
        after = None
        if "after_guid" in query.filters:
            after = table.get(next(iter(query.filters["after_guid"])))
            if after is None:
                text = "After guid filter must be a valid app usage event guid."
                raise ApiError("UnprocessableEntity", text)
        wanted = Wanted(
            order=table.in_time_order if query.order_by else table.in_id_order,
            descending=query.descending,
            after=after,
            created=query.created,
            guids=query.guids,
            key=str(query),
        )
        page = self._usage.page(wanted, query.page, query.per_page)
        shown = [self._show_usage(row, call.base) for row in page.rows]
        return paginated(query, f"{call.base}{call.path}", page.total, shown)

    def usage_event(self, call: Call) -> Answer:
        """Show one usage event."""
        row = self._cc.ledger.usage_table.get(call.path_values["guid"])
        if row is None or not sees_all(call):
            raise ApiError("ResourceNotFound", "App usage event not found")
        return json_answer(self._show_usage(row, call.base))

    def purge_and_reseed(self, call: Call) -> Answer:
        """Replace all usage events by one row a started process."""
        if call.identity is None or not call.identity.is_admin:
            raise ApiError("NotAuthorized")
        self._cc.purge_and_reseed()
        return json_answer({})

    def audit_events(self, call: Call) -> Answer:
        """List audit events, by default in the order of insertion."""
        query = parse(call.query, AUDIT_RULES, self._cc.options.max_total_results)
        if not sees_all(call):
            return paginated(query, f"{call.base}{call.path}", 0, [])
        table = self._cc.ledger.audit_table
        wanted = Wanted(
            order=table.in_time_order if query.order_by else table.in_id_order,
            descending=query.descending,
            created=query.created,
            guids=query.guids,
            keep=audit_filter(query),
            key=str(query),
        )
        page = self._audit.page(wanted, query.page, query.per_page)
        shown = [self._show_audit(row, call.base) for row in page.rows]
        return paginated(query, f"{call.base}{call.path}", page.total, shown)

    def audit_event(self, call: Call) -> Answer:
        """Show one audit event."""
        row = self._cc.ledger.audit_table.get(call.path_values["guid"])
        if row is None or not sees_all(call):
            raise ApiError("ResourceNotFound", "Event not found")
        return json_answer(self._show_audit(row, call.base))

    def _show_usage(self, row: UsageRow, base: str) -> Any:
        return self._cc.damage.apply(row.guid, present_v3.usage_event(row, base))

    def _show_audit(self, row: AuditRow, base: str) -> Any:
        return self._cc.damage.apply(row.guid, present_v3.audit_event(row, base))


def audit_filter(query: ListQuery) -> Callable[[AuditRow], bool] | None:
    """Return the condition on audit rows that the filters make; None when there are none."""
    types, targets = query.filters.get("types"), query.filters.get("target_guids")
    not_targets = query.filters.get("target_guids[not]")
    spaces, orgs = query.filters.get("space_guids"), query.filters.get("organization_guids")
    if not any(one is not None for one in (types, targets, not_targets, spaces, orgs)):
        return None

    def keep(row: AuditRow) -> bool:
        return (
            (types is None or row.type in types)
            and (targets is None or row.target.guid in targets)
            and (not_targets is None or row.target.guid not in not_targets)
            and (spaces is None or row.space_guid in spaces)
            and (orgs is None or row.org_guid in orgs)
        )

    return keep


def sees_all(call: Call) -> bool:
    """Tell whether the caller has a role for the whole foundation."""
    return call.identity is not None and call.identity.reads_globally


def usage_summary(cc: "CloudController", call: Call) -> Answer:
    """Answer ``/v3/info/usage_summary``; 404 without a global role."""
    if not sees_all(call):
        raise ApiError("NotFound")
    content = {"usage_summary": truth.usage_summary(cc.world)}
    return json_answer({**content, "links": {"self": {"href": f"{call.base}{call.path}"}}})


def in_order(things: Iterable[T], query: ListQuery, keys: dict[str, Callable[[T], Any]]) -> list[T]:
    """Return things in the order that was asked for; without one as they were made."""
    found = list(things)
    if query.order_by:
        found.sort(key=keys[query.order_by], reverse=query.descending)
    return found
