"""How a simulated Cloud Controller is set up; what can change later is changed on the object itself."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """So many requests a window for every user; ``v2`` limits the v2 API alone, on top."""

    requests: int
    window_s: int = 3600


@dataclass(kw_only=True)
class Options:
    """Settings of the simulated Cloud Controller and its UAA."""

    client_id: str = "cfstream"
    client_secret: str = "cfstream-secret"  # noqa: S105 # known to everybody: it guards made-up data
    username: str = "auditor@example.com"
    password: str = "auditor-secret"  # noqa: S105 # as above
    scopes: tuple[str, ...] = ("cloud_controller.admin_read_only",)
    token_lifetime_s: int = 600
    rotate_refresh_tokens: bool = False
    v2_enabled: bool = True
    v3_enabled: bool = True
    api_rate_limit: RateLimit | None = None
    v2_rate_limit: RateLimit | None = None
    retention_days: float | None = 31.0
    max_total_results: int | None = None
