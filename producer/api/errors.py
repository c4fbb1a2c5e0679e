"""What can go wrong between us and the Cloud Controller, grouped by what to do about it.

ApiError
  RetriableError      may heal by itself: try again later, without end
    LimitedError      the server says when (429, 503 with Retry-After)
  TokenRefusedError   401: log in anew, once
  UntrustedError      the server's certificate is not trusted: a person has to mend it
  ForbiddenError      403, or no scope that reads everything: not ready, look again later
  RefusedError        400, 404, 422 and the like: the request is wrong; asking again changes nothing
  LoginError          credentials that the UAA refuses
Each message is one sentence; none holds a token or a password.
"""


class ApiError(Exception):
    """The Cloud Controller or its UAA did not give what was asked for."""


class RetriableError(ApiError):
    """Network trouble, 5xx, an answer cut short or no JSON. The page is read again whole."""


class LimitedError(RetriableError):
    """Too many requests. ``after_s``: seconds that the server asks us to wait; None where it does not say."""

    def __init__(self, message: str, after_s: float | None) -> None:
        super().__init__(message)
        self.after_s = after_s


class TokenRefusedError(ApiError):
    """401: the token was revoked or has expired before its time."""


class UntrustedError(ApiError):
    """Whoever answers shows a certificate that no authority we trust has signed, or of another name."""


class ForbiddenError(ApiError):
    """The client may not read all events, so that lists would be empty or cut without a word."""


class RefusedError(ApiError):
    """A client error. ``status`` of HTTP, ``code`` of the Cloud Controller (None where there is none)."""

    def __init__(self, message: str, status: int, code: int | None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class LoginError(ApiError):
    """The UAA refuses the credentials."""
