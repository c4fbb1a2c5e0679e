"""The demo's alerts file: every kind of receiver, each told of everything, all played by the chat room."""

import yaml

from standin.chat_room.services import SERVICES

COUNTED = "slack"
"""The receiver whose messages the demo shows and counts; the others must get as many."""

_QUERIES = {"google-chat": "?key=demo&token=demo"}
_ROUTING_KEY = "0123456789abcdef0123456789abcdef"
_HEAD = """\
# The demo's alerts: one message an alert, at once, and an all-clear soon; to every kind of receiver.
# Holding back the all-clear of what flaps goes by the wall clock, and the demo's clock runs fast: so no flapping.
"""


def alerts_file(room_url: str, secret: str) -> str:
    """Return the alerts file as YAML. ``secret``: what signs the generic webhook."""
    more = {"webhook": {"secret": secret}, "pagerduty": {"routing_key": _ROUTING_KEY}}
    receivers = [
        {
            "name": name,
            "type": name,
            "url": f"{room_url}/hooks/{name}{_QUERIES.get(name, '')}",
            "per_second": 50,
            **more.get(name, {}),
        }
        for name in SERVICES
    ]
    route = {
        "receiver": COUNTED,
        "group_by": ["..."],
        "group_wait": "0s",
        "group_interval": "1s",
        "routes": [{"receiver": name, "continue": True} for name in SERVICES],
    }
    return _HEAD + yaml.safe_dump({"receivers": receivers, "route": route, "flapping": None}, sort_keys=False)
