"""The Cloud Controller's errors, by name, in the shapes of both API versions (errors/v2.yml)."""

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """An error's number, HTTP status and text."""

    code: int
    status: int
    text: str


KINDS = {
    "InvalidAuthToken": Kind(1000, 401, "Invalid Auth Token"),
    "NotFound": Kind(10000, 404, "Unknown request"),
    "NotAuthenticated": Kind(10002, 401, "Authentication error"),
    "NotAuthorized": Kind(10003, 403, "You are not authorized to perform the requested action"),
    "BadQueryParameter": Kind(10005, 400, "The query parameter is invalid: %s"),
    "UnprocessableEntity": Kind(10008, 422, "%s"),
    "ResourceNotFound": Kind(10010, 404, "%s"),
    "OrderByParameterInvalid": Kind(10012, 500, "Cannot order by: %s"),
    "RateLimitExceeded": Kind(10013, 429, "Rate Limit Exceeded"),
    "IPBasedRateLimitExceeded": Kind(
        10014,
        429,
        "Rate Limit Exceeded: Unauthenticated requests from this IP address have exceeded the limit. Please log in.",
    ),
    "ServiceUnavailable": Kind(10015, 503, "%s"),
    "RateLimitV2APIExceeded": Kind(10018, 429, "Rate Limit of V2 API Exceeded. Please consider using the V3 API"),
    "EventNotFound": Kind(240000, 404, "Event could not be found: %s"),
}


class ApiError(Exception):
    """An answer that is an error; ``name`` is one of KINDS, ``detail`` fills its text."""

    def __init__(self, name: str, detail: str = "") -> None:
        self.kind = KINDS[name]
        self.name = name
        self.text = self.kind.text % detail if "%s" in self.kind.text else self.kind.text
        super().__init__(self.text)

    def v3(self) -> dict[str, Any]:
        """Return the body in the shape of v3."""
        return {"errors": [{"detail": self.text, "title": f"CF-{self.name}", "code": self.kind.code}]}

    def v2(self) -> dict[str, Any]:
        """Return the body in the shape of v2."""
        return {"description": self.text, "error_code": f"CF-{self.name}", "code": self.kind.code}
