"""The doctor's checks of Kafka, the registry, the alerts' receivers and what is installed."""

import platform
from importlib.metadata import PackageNotFoundError, version

from confluent_kafka import KafkaException, libversion
from confluent_kafka.admin import AdminClient

from plumbing.diagnosis import AilmentError, Check
from plumbing.errors import CfstreamError
from plumbing.kafka import registry_options, require_broker
from plumbing.settings import CommonSettings
from schemas import allowed, avro, provision
from schemas.registry import COMPATIBILITY, ConfluentRegistry, RegistryError
from schemas.rights import ROLES, NotAllowedError, lacking, shortened
from schemas.topics import Topics

PINNED = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}


def installed() -> Check:
    """Return the check of versions."""
    return Check("versions", _versions)


def _versions() -> str:
    for name, wanted in PINNED.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            continue  # the producer's image has none of them
        if found != wanted:
            raise AilmentError(
                f"{name} is {found}, the worker was written against {wanted}", f"pip install {name}=={wanted}"
            )
    return f"cfstream {version('cfstream')}, Python {platform.python_version()}, librdkafka {libversion()[0]}"


class KafkaChecks:
    """Looks at the cluster through one admin client."""

    def __init__(self, settings: CommonSettings) -> None:
        self._settings = settings
        self._topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
        self._admin: AdminClient | None = None

    def checks(self) -> list[Check]:
        """Return the checks, in their order."""
        return [
            Check("kafka", self._there),
            Check("topics", self._fit, needs=("kafka",)),
            Check("kafka rights", self._rights, needs=("kafka", "topics")),
        ]

    def _there(self) -> str:
        self._admin = require_broker(self._settings)
        brokers = len(self._admin.list_topics(timeout=10).brokers)
        answers = "1 broker answers" if brokers == 1 else f"{brokers} brokers answer"
        return f"{answers} at {self._settings.kafka_bootstrap_servers}"

    def _fit(self) -> str:
        try:
            found = provision.check(self._connected(), self._topics, partitions=self._settings.partitions)
        except NotAllowedError as error:
            raise AilmentError(f"this user lacks {shortened(error.rights)}", _RIGHTS) from error
        except KafkaException as error:
            raise AilmentError(f"Kafka does not tell: {error.args[0].str()}", "look at the brokers") from error
        fatal = [finding for finding in found if finding.fatal]
        if fatal:
            more = f" (and {len(fatal) - 1} more: cfstream topics check)" if len(fatal) > 1 else ""
            text, _, mend = fatal[0].text.rpartition("; ")
            raise AilmentError(f"{fatal[0].topic} {text}{more}", mend)
        return f"all {len(list(self._topics))} are as they should be" + (f"; {found[0].text}" if found else "")

    def _rights(self) -> str:
        """Say for which parts this principal's rights are enough."""
        found = allowed.allowed(self._connected(), self._topics)
        missing = {name: lacking(role, found, self._topics.prefix) for name, role in ROLES.items()}
        enough = [name for name, lacks in missing.items() if not lacks]
        if not enough:
            nearest = min(missing, key=lambda name: len(missing[name]))
            raise AilmentError(f"not enough for any part; the {nearest} lacks {shortened(missing[nearest])}", _RIGHTS)
        # With one user for all, a part that lacks a little was forgotten; another's user lacks much.
        lacks = "".join(
            f"; the {name} would lack {shortened(lacks)}"
            for name, lacks in missing.items()
            if 0 < len(lacks) <= _FORGOTTEN
        )
        return f"enough for {', '.join(enough)}{lacks}"

    def _connected(self) -> AdminClient:
        if self._admin is None:
            raise CfstreamError("Kafka was not asked before")
        return self._admin


class RegistryChecks:
    """Looks at the schema registry."""

    def __init__(self, settings: CommonSettings) -> None:
        self._topics = Topics(settings.topic_prefix)
        self._url = settings.schema_registry_url
        self._registry = ConfluentRegistry(self._url, **registry_options(settings))

    def close(self) -> None:
        """Close the connections."""
        self._registry.close()

    def checks(self) -> list[Check]:
        """Return the checks, in their order."""
        return [
            Check("registry", self._there),
            Check("schemas", self._fit, needs=("registry",)),
            Check("compatibility", self._strict, needs=("registry", "schemas")),
        ]

    def _there(self) -> str:
        try:
            self._registry.registered(self._topics.usage.subject)
        except RegistryError as error:
            raise AilmentError(error.reason, error.mend) from error
        return f"{self._url} answers"

    def _fit(self) -> str:
        missing = [topic.subject for topic in self._topics if not self._registry.registered(topic.subject)]
        if missing:
            more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise AilmentError(f"{missing[0]} is not registered{more}", "cfstream schemas register")
        for topic in self._topics:
            if not self._registry.compatible(topic.subject, avro.text(topic.schema)):
                raise AilmentError(
                    f"{topic.subject}: ours does not follow the registered ones",
                    "run the cfstream that registered them, or a newer one",
                )
        return f"all {len(list(self._topics))} subjects are registered, and ours may follow"

    def _strict(self) -> str:
        for topic in self._topics:
            found = self._registry.compatibility(topic.subject)
            if found != COMPATIBILITY:
                raise AilmentError(
                    f"{topic.subject} is checked by {found or 'the default'}, not {COMPATIBILITY}",
                    "cfstream schemas register sets it",
                )
        return f"{COMPATIBILITY} on every subject"


_FORGOTTEN = 2

_RIGHTS = "give it that right; docs/kafka-security.md lists them by part"
