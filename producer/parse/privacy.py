"""What must not leave the Cloud Controller: credentials in URLs always, personal fields as the operator says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"'\\]+@")
REDACTED = "********"


@dataclass(frozen=True)
class Privacy:
    """Which personal fields go on. All true by default; what is switched off is null or missing in the record.

    ``actor_names``: actor_name, actor_username (often e-mail addresses), also inside ``data``.
    ``request_bodies``: ``data.request``, what a user sent to the Cloud Controller.
    ``crash_text``: ``exit_description``, which an app can fill with what it likes.
    """

    actor_names: bool = True
    request_bodies: bool = True
    crash_text: bool = True

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return self.actor_names and self.request_bodies and self.crash_text


def redact_urls(text: str) -> str:
    """Remove user-info from all URLs in a text: buildpack URLs can carry credentials."""
    if "@" not in text or "://" not in text:
        return text
    return _USER_INFO.sub(rf"\1{REDACTED}@", text)


_ACTOR_FIELDS = frozenset({"actor_username", "actor_name", "user_name", "username", "email"})


def without_personal(data: Mapping[str, Any], keep: Privacy) -> dict[str, Any]:
    """Return free-form data (``data`` in v3, ``metadata`` in v2) without what is switched off, at any depth."""
    return {name: _inside(value, keep) for name, value in data.items() if not _left_out(name, keep)}


def _left_out(name: str, keep: Privacy) -> bool:
    if name == "request":
        return not keep.request_bodies
    if name == "exit_description":
        return not keep.crash_text
    return name in _ACTOR_FIELDS and not keep.actor_names


def _inside(value: Any, keep: Privacy) -> Any:
    if isinstance(value, dict):
        return without_personal(value, keep)
    if isinstance(value, list):
        return [_inside(each, keep) for each in value]
    return value


def scrub_row(row: Mapping[str, Any], keep: Privacy) -> dict[str, Any]:
    """Return a whole row without what is switched off: what a dead letter keeps."""
    if keep.everything:
        return dict(row)
    kept = without_personal(row, keep)
    actor = kept.get("actor")
    if not keep.actor_names and isinstance(actor, dict):
        kept["actor"] = {name: value for name, value in actor.items() if name != "name"}
    return kept
