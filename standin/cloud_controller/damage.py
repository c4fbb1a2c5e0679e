"""Rows that come out broken, every time they are read: what no reader should have to expect, yet must bear."""

from collections.abc import Callable
from typing import Any

Shape = dict[str, Any]


def _entity(shown: Shape) -> Shape:
    """Return the part with the row's own fields: all of it in v3, the entity in v2."""
    inner = shown.get("entity")
    return inner if isinstance(inner, dict) else shown


def _without_guid(shown: Shape) -> Any:
    shown.get("metadata", shown).pop("guid", None)
    return shown


def _empty_guid(shown: Shape) -> Any:
    shown.get("metadata", shown)["guid"] = ""
    return shown


def _number_as_guid(shown: Shape) -> Any:
    shown.get("metadata", shown)["guid"] = 7
    return shown


def _without_time(shown: Shape) -> Any:
    shown.get("metadata", shown).pop("created_at", None)
    _entity(shown).pop("timestamp", None)
    return shown


def _wrong_type(shown: Shape) -> Any:
    field = next(name for name in ("instance_count", "type") if name in _entity(shown))
    _entity(shown)[field] = {"current": "many"} if "entity" not in shown and field == "instance_count" else ["x"]
    return shown


def _wrong_time(shown: Shape) -> Any:
    shown.get("metadata", shown)["created_at"] = "yesterday"
    if "timestamp" in _entity(shown):
        _entity(shown)["timestamp"] = "yesterday"
    return shown


def _unknown_state(shown: Shape) -> Any:
    entity = _entity(shown)
    if "state" in entity:
        entity["state"] = "HIBERNATED" if "entity" in shown else {"current": "HIBERNATED", "previous": "STARTED"}
    else:
        entity["type"] = "audit.app.hibernated"
    return shown


def _unknown_field(shown: Shape) -> Any:
    _entity(shown)["brand_new_field"] = {"since": "tomorrow"}
    return shown


def _huge(shown: Shape) -> Any:
    entity = _entity(shown)
    field = "metadata" if "entity" in shown else "data"
    entity[field if field in entity else "app_name"] = {"request": {"manifest": "x" * 2_000_000}}
    return shown


def _no_org(shown: Shape) -> Any:
    entity = _entity(shown)
    for field in ("organization", "org_guid", "organization_guid"):
        if field in entity:
            entity[field] = None
    return shown


def _no_subject(shown: Shape) -> Any:
    """Take away whom it is about: very old v2 rows have no parent app, and audit rows may lack both ends."""
    entity = _entity(shown)
    if "app" in entity:
        entity["app"] = {"guid": None, "name": None}
    for field in ("parent_app_guid", "parent_app_name", "actor", "target", "actee"):
        if field in entity:
            entity[field] = None
    return shown


DAMAGES: dict[str, Callable[[Shape], Any]] = {
    "missing_guid": _without_guid,
    "empty_guid": _empty_guid,
    "number_as_guid": _number_as_guid,
    "missing_time": _without_time,
    "wrong_type": _wrong_type,
    "wrong_time": _wrong_time,
    "unknown_state": _unknown_state,
    "unknown_field": _unknown_field,
    "huge": _huge,
    "null_organization": _no_org,
    "null_subject": _no_subject,
    "not_an_object": lambda _: "a text where a row should be",
}


class Damage:
    """Which rows are broken, and how."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def add(self, guid: str, kind: str) -> None:
        """Break a row from now on; raises ValueError for an unknown kind."""
        if kind not in DAMAGES:
            raise ValueError(f"no damage is called {kind!r}; there are {', '.join(DAMAGES)}")
        self._kinds[guid] = kind

    def clear(self) -> None:
        """Mend all rows."""
        self._kinds.clear()

    def apply(self, guid: str, shown: Shape) -> Any:
        """Return a row as it is to be shown."""
        kind = self._kinds.get(guid)
        return DAMAGES[kind](shown) if kind else shown
