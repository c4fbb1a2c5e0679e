"""What the client tells to whoever counts: a port, silent by default."""

from producer.api.oauth import Token


class Watch:
    """Hears of each request and each token. Subclass it to count."""

    def request(self, what: str, status: str, seconds: float) -> None:
        """Hear that a request ended, with an HTTP status or ``error``."""

    def token(self, token: Token) -> None:
        """Hear that a new token is in use."""

    def retry(self, what: str) -> None:
        """Hear that something failed that is tried again."""

    def budget(self, remaining: int | None) -> None:
        """Hear how many requests the server leaves us; None where it says nothing."""
