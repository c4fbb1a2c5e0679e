"""Reads the room's page, its style and its script, which lie beside this module."""

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class Page:
    """The page, its style and its script, as text."""

    html: str
    style: str
    script: str


def _read(name: str) -> str:
    return (resources.files("standin.chat_room") / name).read_text("utf-8")


PAGE = Page(html=_read("room.html"), style=_read("room.css"), script=_read("room.js"))
