"""The schema registry: Confluent's API, which Confluent, Apicurio, Karapace and Redpanda answer."""

import re

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.errors import SetupError

COMPATIBILITY = "BACKWARD_TRANSITIVE"
"""A newer schema must read everything written under all older ones: consumers upgrade first."""

# The registry's own codes. A bare 404 comes from something before it, such as an ingress without a backend.
_NO_SUBJECT, _NO_SCHEMA, _NO_COMPATIBILITY = 40401, 40403, 40408
_REFUSED = (401, 403)

# Apicurio begins its messages with the name of a Java class.
_JAVA = re.compile(r"^(?:[a-z]\w*\.)+[A-Z]\w*: ")


class IncompatibleSchemaError(Exception):
    """The registry holds a schema that the new one does not follow. Fatal: consumers would break."""


class RegistryError(SetupError):
    """The registry does not serve us. ``mend``: what somebody can do about it."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{reason}: {mend}")
        self.reason = reason
        self.mend = mend


class RegistryUnreachableError(RegistryError):
    """It did not answer, or answered with a fault of its own. May heal."""


class RegistryRefusedError(RegistryError):
    """It refuses our credentials. Waiting does not heal it, a person does."""


class ConfluentRegistry:
    """Registers and looks up schemas. Calls block on the network; ids never change, so callers may keep them."""

    def __init__(self, url: str, **options: str | float) -> None:
        """``options`` are those of ``SchemaRegistryClient`` (``basic.auth.user.info``, ``ssl.ca.location`` …)."""
        # One retry layer, ours: the client's own is off.
        self._url = url
        self._client = SchemaRegistryClient({"url": url, "max.retries": 0, "timeout": 10, **options})

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._client.close()

    def register(self, subject: str, schema: str) -> int:
        """Register a schema under a subject with compatibility BACKWARD_TRANSITIVE; idempotent.

        Raise IncompatibleSchemaError or RegistryUnreachableError.
        """
        try:
            schema_id = self._client.register_schema(subject, Schema(schema, "AVRO"))
            self._demand_compatibility(subject)
        except SchemaRegistryError as error:
            if error.http_status_code == 409:  # noqa: PLR2004 - HTTP's Conflict
                raise IncompatibleSchemaError(f"{subject}: {_JAVA.sub('', error.error_message)}") from error
            raise self._unreachable(error) from error
        except Exception as error:  # the client lets its HTTP library's errors through
            raise self._unreachable(error) from error
        return int(schema_id)

    def _demand_compatibility(self, subject: str) -> None:
        try:
            self._client.set_compatibility(subject_name=subject, level=COMPATIBILITY)
        except SchemaRegistryError as error:
            if error.http_status_code != 409:  # noqa: PLR2004 - HTTP's Conflict
                raise
            # Another process made the rule at the same moment (Apicurio says so): now it can be set.
            self._client.set_compatibility(subject_name=subject, level=COMPATIBILITY)

    def schema(self, schema_id: int) -> str:
        """Return the text of a schema. Raise KeyError where the registry says that it has no such id (40403).

        Raise RegistryUnreachableError otherwise: also for any other 404, which says nothing about schemas.
        """
        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.error_code == _NO_SCHEMA:
                raise KeyError(schema_id) from error
            raise self._unreachable(error) from error
        except Exception as error:  # as above
            raise self._unreachable(error) from error
        return str(found.schema_str)

    def compatible(self, subject: str, schema: str) -> bool:
        """Say whether a schema may follow those under the subject; true where there is none. Changes nothing."""
        if not self.registered(subject):
            return True
        try:
            # Against every version, as the compatibility demands; the other call asks about the newest alone.
            return bool(self._client.test_compatibility_all_versions(subject, Schema(schema, "AVRO")))
        except Exception as error:  # as above
            raise self._unreachable(error) from error

    def registered(self, subject: str) -> bool:
        """Say whether there is a schema under a subject. Raise RegistryUnreachableError.

        Asked one by one: a registry may cut the list of all subjects (Apicurio does, at 1,000).
        """
        try:
            return bool(self._client.get_versions(subject))
        except SchemaRegistryError as error:
            if error.error_code in (_NO_SUBJECT, _NO_SCHEMA):
                return False
            raise self._unreachable(error) from error
        except Exception as error:  # as above
            raise self._unreachable(error) from error

    def compatibility(self, subject: str) -> str | None:
        """Return the compatibility set on a subject; None where it has only the default.

        Raise RegistryUnreachableError.
        """
        try:
            return str(self._client.get_compatibility(subject))
        except SchemaRegistryError as error:
            if error.error_code in (_NO_SUBJECT, _NO_SCHEMA, _NO_COMPATIBILITY):
                return None
            raise self._unreachable(error) from error
        except Exception as error:  # as above
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> RegistryError:
        if isinstance(error, SchemaRegistryError) and error.http_status_code in _REFUSED:
            return RegistryRefusedError(
                f"schema registry {self._url} refuses us ({error.http_status_code})",
                "check CFSTREAM_SCHEMA_REGISTRY_USERNAME and CFSTREAM_SCHEMA_REGISTRY_PASSWORD",
            )
        return RegistryUnreachableError(
            f"schema registry {self._url}: {error}", "set CFSTREAM_SCHEMA_REGISTRY_URL to a running registry"
        )
