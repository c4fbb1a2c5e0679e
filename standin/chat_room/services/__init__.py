"""The services whose webhooks the room can play, each as strict as the real one."""

from standin.chat_room.service import Service
from standin.chat_room.services import (
    alertmanager,
    discord,
    google_chat,
    mattermost,
    pagerduty,
    slack,
    teams,
    webhook,
)

SERVICES: dict[str, Service] = {
    one.SERVICE.name: one.SERVICE
    for one in (slack, teams, mattermost, google_chat, discord, pagerduty, webhook, alertmanager)
}
"""By the name in the path of their hooks: POST /hooks/NAME."""
