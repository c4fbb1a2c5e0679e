"""From a request to its answer: routes, token check, limits, error shapes. No sockets here."""

import re
import uuid
from collections.abc import Callable
from email.utils import formatdate
from typing import NamedTuple

from standin.cloud_controller import api_v3
from standin.cloud_controller.api_v2 import V2Feeds
from standin.cloud_controller.api_v3 import V3Feeds
from standin.cloud_controller.api_v3_things import listings
from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.control import Control
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.errors import ApiError
from standin.cloud_controller.faults import Faults
from standin.cloud_controller.http import V2_JSON, V3_JSON, Answer, Call, json_answer
from standin.cloud_controller.limits import RequestCounter
from standin.cloud_controller.root import Roots

Handler = Callable[[Call], Answer]


class Route(NamedTuple):
    """Where a request goes; ``open`` needs no token."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    open: bool = False


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")


class Service:
    """Answers requests. ``faults`` is consulted by the server around it, not here."""

    def __init__(self, cc: CloudController) -> None:
        self.cc = cc
        self.faults = Faults()
        self._general = RequestCounter()
        self._v2_only = RequestCounter("-V2-API")
        self._routes = [*self._open_routes(), *self._api_routes()]

    def answer(self, call: Call) -> Answer:
        """Answer a request; every answer has the server's date and a request id."""
        with self.cc.lock:
            self.cc.catch_up()
            self.cc.requests += 1
            answer = self._answer(call)
            now = self.cc.clock.header_time() / SECOND
        answer = answer.zipped_for(call.headers.get("accept-encoding", ""))
        answer.headers = {
            "Date": formatdate(now, usegmt=True),
            "X-VCAP-Request-ID": f"{uuid.uuid4()}::{uuid.uuid4()}",
            "X-Content-Type-Options": "nosniff",
            **answer.headers,
        }
        return answer

    def _answer(self, call: Call) -> Answer:
        limit_headers: dict[str, str] = {}
        try:
            route, values = self._find(call)
            if not route.open:
                call = self._identified(call)
                limit_headers = self._limit(call)
            answer = route.handler(replace_values(call, values))
        except ApiError as error:
            is_v2 = call.path.startswith("/v2") or not call.path.startswith("/v3")
            content = error.v2() if is_v2 else error.v3()
            kind = V2_JSON if is_v2 else V3_JSON
            answer = json_answer(content, status=error.kind.status, content_type=kind)
        except LimitReachedError as error:
            return error.answer
        answer.headers.update(limit_headers)
        return answer

    def _find(self, call: Call) -> tuple[Route, dict[str, str]]:
        for route in self._routes:
            match = route.pattern.fullmatch(call.path)
            if match and route.method == call.method:
                if not self.cc.options.v3_enabled and call.path.startswith("/v3"):
                    break
                return route, match.groupdict()
        raise ApiError("NotFound")

    def _identified(self, call: Call) -> Call:
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        if not token or kind.lower() != "bearer":
            raise ApiError("NotAuthenticated")
        identity = self.cc.uaa.signer.check(token.strip(), self.cc.clock.now() // SECOND)
        if identity is None:
            raise ApiError("InvalidAuthToken")
        if not identity.may_read:
            raise ApiError("NotAuthorized")
        return Call(call.method, call.path, call.base, call.query, call.path_values, call.headers, call.body, identity)

    def _limit(self, call: Call) -> dict[str, str]:
        """Count the request against the limits that are on; raises when one is reached."""
        user = call.identity.subject if call.identity else "nobody"
        now_s = self.cc.clock.now() // SECOND
        headers: dict[str, str] = {}
        options, is_v2 = self.cc.options, call.path.startswith("/v2/")
        limits = [(self._general, options.api_rate_limit, "RateLimitExceeded")]
        if is_v2:
            limits.append((self._v2_only, options.v2_rate_limit, "RateLimitV2APIExceeded"))
        for counter, limit, name in limits:
            if limit is None:
                continue
            allowed, more = counter.count(user, limit, now_s)
            headers |= more
            if not allowed:
                error = ApiError(name)
                content = error.v2() if is_v2 else error.v3()
                refused = json_answer(content, status=429, content_type="text/plain; charset=utf-8")
                refused.headers.update(headers)
                raise LimitReachedError(refused)
        return headers

    def _open_routes(self) -> list[Route]:
        roots, uaa, control = Roots(self.cc), self.cc.uaa, Control(self.cc, self.faults)
        found = [
            Route("GET", _pattern("/"), roots.root, open=True),
            Route("GET", _pattern("/v3"), roots.v3_root, open=True),
            Route("GET", _pattern("/v3/info"), roots.v3_info, open=True),
            Route("GET", _pattern("/v2/info"), roots.v2_info, open=True),
        ]
        for prefix in ("", "/uaa"):
            found.append(Route("GET", _pattern(f"{prefix}/login"), uaa.login_info, open=True))
            found.append(Route("GET", _pattern(f"{prefix}/info"), uaa.login_info, open=True))
            found.append(Route("POST", _pattern(f"{prefix}/oauth/token"), uaa.token, open=True))
        for method, path, handler in control.routes():
            found.append(Route(method, _pattern(path), handler, open=True))
        return found

    def _api_routes(self) -> list[Route]:
        v3, v2 = V3Feeds(self.cc), V2Feeds(self.cc)
        purge_v3 = "/v3/app_usage_events/actions/destructively_purge_all_and_reseed"
        purge_v2 = "/v2/app_usage_events/destructively_purge_all_and_reseed_started_apps"
        found = [
            Route("GET", _pattern("/v3/app_usage_events"), v3.usage_events),
            Route("GET", _pattern("/v3/app_usage_events/{guid}"), v3.usage_event),
            Route("POST", _pattern(purge_v3), v3.purge_and_reseed),
            Route("GET", _pattern("/v3/audit_events"), v3.audit_events),
            Route("GET", _pattern("/v3/audit_events/{guid}"), v3.audit_event),
            Route("GET", _pattern("/v3/info/usage_summary"), lambda call: api_v3.usage_summary(self.cc, call)),
            Route("GET", _pattern("/v2/app_usage_events"), self._v2(v2.usage_events)),
            Route("GET", _pattern("/v2/app_usage_events/{guid}"), self._v2(v2.usage_event)),
            Route("POST", _pattern(purge_v2), self._v2(v2.purge_and_reseed)),
            Route("GET", _pattern("/v2/events"), self._v2(v2.events)),
            Route("GET", _pattern("/v2/events/{guid}"), self._v2(v2.event)),
        ]
        for path, listing in listings(self.cc).items():
            found.append(Route("GET", _pattern(path), listing.many))
            found.append(Route("GET", _pattern(f"{path}/{{guid}}"), listing.one))
        return found

    def _v2(self, handler: Handler) -> Handler:
        """Let a handler of v2 answer only while v2 is on; off, the routes are not there."""

        def guarded(call: Call) -> Answer:
            if not self.cc.options.v2_enabled:
                raise ApiError("NotFound")
            return handler(call)

        return guarded


class LimitReachedError(Exception):
    """A request too many; carries the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("rate limit reached")
        self.answer = answer


def replace_values(call: Call, values: dict[str, str]) -> Call:
    """Return the call with the values that its path holds."""
    return Call(call.method, call.path, call.base, call.query, values, call.headers, call.body, call.identity)
