"""The lists of what exists: processes, apps, tasks, spaces, organizations (``/v3``)."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from standin.cloud_controller import present_v3
from standin.cloud_controller.api_v3 import in_order, paginated, sees_all
from standin.cloud_controller.errors import ApiError
from standin.cloud_controller.http import Answer, Call, json_answer
from standin.cloud_controller.list_query import ListRules, parse
from standin.cloud_controller.world import App, Org, Process, Space, Task

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

T = TypeVar("T")
Attribute = Callable[[T], Any]

# No list of processes or apps can be filtered by state: a reader has to join both lists.
PROCESS_RULES = ListRules(
    keys=("app_guid", "types", "space_guids", "organization_guids", "app_guids", "embed", "label_selector")
)
APP_RULES = ListRules(
    keys=("names", "organization_guids", "space_guids", "stacks", "include", "lifecycle_type", "label_selector"),
    orders=("created_at", "updated_at", "name", "state"),
)
TASK_RULES = ListRules(
    keys=(
        "names", "states", "app_guids", "organization_guids", "space_guids", "app_guid", "sequence_ids",
        "label_selector",
    )
)  # fmt: skip
SPACE_RULES = ListRules(
    keys=("names", "organization_guids", "include", "label_selector"),
    orders=("created_at", "updated_at", "name"),
)
ORG_RULES = ListRules(
    keys=("names", "isolation_segment_guid", "label_selector"), orders=("created_at", "updated_at", "name")
)


class Listing:
    """Answers the list of one kind of thing. Without a global role every list is empty."""

    def __init__(
        self,
        cc: "CloudController",
        rules: ListRules,
        things: Callable[[], Iterable[T]],
        show: Callable[[T, str], Mapping[str, Any]],
        attributes: Mapping[str, Attribute[T]],
    ) -> None:
        self._cc = cc
        self._rules = rules
        self._things: Callable[[], Iterable[Any]] = things
        self._show: Callable[[Any, str], Mapping[str, Any]] = show
        self._attributes: Mapping[str, Attribute[Any]] = attributes

    def many(self, call: Call) -> Answer:
        """Answer the list."""
        query = parse(call.query, self._rules, self._cc.options.max_total_results)
        get = self._attributes
        found = in_order(self._things() if sees_all(call) else (), query, dict(get))
        if query.guids is not None:
            found = [one for one in found if get["guids"](one) in query.guids]
        if query.created is not None:
            found = [one for one in found if query.created.meets(get["created_at"](one))]
        for key, values in query.filters.items():
            if key in get:
                found = [one for one in found if get[key](one) in values]
        first = (query.page - 1) * query.per_page
        shown = [self._show(one, call.base) for one in found[first : first + query.per_page]]
        return paginated(query, f"{call.base}{call.path}", len(found), shown)

    def one(self, call: Call) -> Answer:
        """Answer a single thing, found by its guid."""
        guid, get = call.path_values["guid"], self._attributes["guids"]
        found = next((one for one in self._things() if get(one) == guid), None)
        if found is None or not sees_all(call):
            kind = call.path.split("/")[2].removesuffix("es" if "processes" in call.path else "s").capitalize()
            raise ApiError("ResourceNotFound", f"{kind} not found")
        return json_answer(self._show(found, call.base))


def listings(cc: "CloudController") -> dict[str, Listing]:
    """Return all listings by their path."""
    world = cc.world
    of_process: dict[str, Attribute[tuple[App, Process]]] = {
        "guids": lambda pair: pair[1].guid,
        "types": lambda pair: pair[1].type,
        "app_guids": lambda pair: pair[0].guid,
        "space_guids": lambda pair: pair[0].space.guid,
        "organization_guids": lambda pair: pair[0].space.org.guid,
        "created_at": lambda pair: pair[1].created_at,
        "updated_at": lambda pair: pair[1].updated_at,
    }
    of_app: dict[str, Attribute[App]] = {
        "guids": lambda app: app.guid,
        "names": lambda app: app.name,
        "space_guids": lambda app: app.space.guid,
        "organization_guids": lambda app: app.space.org.guid,
        "created_at": lambda app: app.created_at,
        "updated_at": lambda app: app.updated_at,
        "name": lambda app: app.name,
        "state": lambda app: app.state,
    }
    of_task: dict[str, Attribute[tuple[App, Task]]] = {
        "guids": lambda pair: pair[1].guid,
        "names": lambda pair: pair[1].name,
        "states": lambda _: "RUNNING",
        "app_guids": lambda pair: pair[0].guid,
        "space_guids": lambda pair: pair[0].space.guid,
        "organization_guids": lambda pair: pair[0].space.org.guid,
        "created_at": lambda pair: pair[1].created_at,
        "updated_at": lambda pair: pair[1].created_at,
    }
    of_space: dict[str, Attribute[Space]] = {
        "guids": lambda space: space.guid,
        "names": lambda space: space.name,
        "organization_guids": lambda space: space.org.guid,
        "created_at": lambda space: space.created_at,
        "updated_at": lambda space: space.created_at,
        "name": lambda space: space.name,
    }
    of_org: dict[str, Attribute[Org]] = {
        "guids": lambda org: org.guid,
        "names": lambda org: org.name,
        "created_at": lambda org: org.created_at,
        "updated_at": lambda org: org.created_at,
        "name": lambda org: org.name,
    }
    return {
        "/v3/processes": Listing(
            cc, PROCESS_RULES, world.processes, lambda pair, base: present_v3.process(*pair, base), of_process
        ),
        "/v3/apps": Listing(cc, APP_RULES, world.apps.values, present_v3.app, of_app),
        "/v3/tasks": Listing(cc, TASK_RULES, world.tasks, lambda pair, base: present_v3.task(*pair, base), of_task),
        "/v3/spaces": Listing(cc, SPACE_RULES, world.spaces.values, present_v3.space, of_space),
        "/v3/organizations": Listing(cc, ORG_RULES, world.orgs.values, present_v3.organization, of_org),
    }
