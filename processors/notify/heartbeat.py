"""The heartbeat: a request to a dead man's switch as long as the leader works. Its silence is the alarm."""

import structlog

from plumbing.clock import Clock
from plumbing.errors import UsageError
from processors.notify.config import Heartbeat
from processors.notify.requests import Request
from processors.notify.sender import Post

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 10.0
_BODY = b'{"cfstream":"notifier","status":"alive"}'


async def beat(settings: Heartbeat | None, post: Post, clock: Clock) -> None:
    """Post until cancelled; a beat that fails is logged and the next one follows. Returns at once without settings."""
    if settings is None:
        return
    while True:
        try:
            request = Request(settings.address(), {"Content-Type": "application/json"}, _BODY)
        except UsageError as error:
            _log.warning("heartbeat not sent", reason=str(error))
        else:
            outcome = await post(request, timeout_s=_TIMEOUT_S)
            if outcome.verdict != "delivered":
                _log.warning("heartbeat not sent", reason=outcome.reason)
        await clock.sleep(settings.every)
