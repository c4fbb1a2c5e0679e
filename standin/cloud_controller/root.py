"""What anybody may ask: the roots and the info pages."""

from typing import TYPE_CHECKING

from standin.cloud_controller.http import Answer, Call, json_answer

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

V2_VERSION, V3_VERSION, OSBAPI_VERSION = "2.293.0", "3.228.0", "2.15"
V3_LISTS = (
    "app_usage_events", "apps", "audit_events", "info", "organizations", "processes", "spaces", "tasks",
)  # fmt: skip


class Roots:
    """The answers that need no token."""

    def __init__(self, cc: "CloudController") -> None:
        self._cc = cc

    def root(self, call: Call) -> Answer:
        """Answer ``/``; there is no link to a version that is off."""
        base = call.base
        links: dict[str, object] = {
            "self": {"href": base},
            "cloud_controller_v3": {"href": f"{base}/v3", "meta": {"version": V3_VERSION}},
            "network_policy_v0": {"href": f"{base}/networking/v0/external"},
            "network_policy_v1": {"href": f"{base}/networking/v1/external"},
            "login": {"href": f"{base}/uaa"},
            "uaa": {"href": f"{base}/uaa"},
            "credhub": None,
            "routing": None,
            "logging": None,
            "log_cache": None,
            "log_stream": None,
            "app_ssh": {"href": None, "meta": {"host_key_fingerprint": None, "oauth_client": None}},
        }
        if self._cc.options.v2_enabled:
            links["cloud_controller_v2"] = {"href": f"{base}/v2", "meta": {"version": V2_VERSION}}
        if not self._cc.options.v3_enabled:
            del links["cloud_controller_v3"]
        return json_answer({"links": links})

    def v3_root(self, call: Call) -> Answer:
        """Answer ``/v3``."""
        links = {"self": {"href": f"{call.base}/v3"}}
        links |= {name: {"href": f"{call.base}/v3/{name}"} for name in V3_LISTS}
        return json_answer({"links": links})

    def v3_info(self, call: Call) -> Answer:
        """Answer ``/v3/info``, limits included."""
        limit = self._cc.options.api_rate_limit
        return json_answer(
            {
                "build": "simulated",
                "cli_version": {"minimum": "", "recommended": ""},
                "custom": {},
                "description": "Simulated Cloud Foundry",
                "name": "cfstream stand-in",
                "version": 1,
                "osbapi_version": OSBAPI_VERSION,
                "rate_limits": {
                    "enabled": limit is not None,
                    "general_limit": limit.requests if limit else "",
                    "reset_interval_in_minutes": limit.window_s // 60 if limit else "",
                },
                "links": {"self": {"href": f"{call.base}/v3/info"}, "support": {"href": ""}},
            }
        )

    def v2_info(self, call: Call) -> Answer:
        """Answer ``/v2/info``; switched off it still answers 200, says so and names no version."""
        enabled = self._cc.options.v2_enabled
        return json_answer(
            {
                "name": "cfstream stand-in",
                "build": "simulated",
                "support": "" if enabled else "CF API v2 is disabled",
                "version": 1,
                "description": "Simulated Cloud Foundry",
                "authorization_endpoint": f"{call.base}/uaa",
                "token_endpoint": f"{call.base}/uaa",
                "min_cli_version": None,
                "min_recommended_cli_version": None,
                "app_ssh_endpoint": None,
                "app_ssh_host_key_fingerprint": None,
                "app_ssh_oauth_client": None,
                "doppler_logging_endpoint": None,
                "api_version": V2_VERSION if enabled else "",
                "osbapi_version": OSBAPI_VERSION,
            }
        )
