"""Settings of the notifier."""

from pathlib import Path

from pydantic import Field, SecretStr

from plumbing.settings import CommonSettings


class NotifierSettings(CommonSettings):
    """What ``cfstream notifier run`` and ``cfstream alerts`` need beside Kafka and the registry."""

    slack_webhook_url: SecretStr | None = Field(
        default=None, description="Slack incoming webhook: the one receiver where no alerts file names others."
    )
    alerts_config: Path | None = Field(
        default=None, description="YAML file with rules, routes and receivers; see 'cfstream alerts check'."
    )
    notifier_group: str = Field(
        default="cfstream-notifier",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name under which notifiers find each other: one of them sends, the others stand by.",
    )
    notifier_api_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of Alertmanager's API for alerts and silences, for amtool and the like; unset: none. "
        "Listens on CFSTREAM_HTTP_HOST.",
    )
    notifier_api_token: SecretStr | None = Field(
        default=None, min_length=16, description="Bearer token that the API asks for; needed with its port."
    )
