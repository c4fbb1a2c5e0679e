"""A broker with every kind of lock: TLS, client certificates, SASL; an authorizer that denies what is not allowed.

Only the plain listener, by which the broker talks to itself and the test looks at the truth, is open to all. Who comes
by another has no right but those given, except ``ADMIN``.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization
from support.chain import free_port
from support.identity_provider import AUDIENCE, ISSUER, IdentityProvider, serving

from standin.embedded_kafka import Broker, Listener
from standin.places import RunFolder, data_folder
from standin.ports import HOST

ADMIN = "admin"
PASSWORD = 's3cr3t, with "quotes" and an =, ü'
KEY_PASSWORD = "of-the-key"
DENIES = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
JAAS = "org.apache.kafka.common.security"

Acl = tuple[str, str, str, str]
"""Resource type, name, pattern and operation, in the words of a KafkaUser."""


@dataclass(frozen=True)
class Certificates:
    """What was issued, as PEM files. ``stranger``: an authority that nobody knows."""

    ca: Path
    broker: Path
    elsewhere: Path
    client: Path
    key: Path
    locked_key: Path
    stranger: Path


@dataclass
class Secured:
    """The running broker. ``plain``: the open listener."""

    broker: Broker
    listeners: Mapping[str, Listener]
    certificates: Certificates
    provider: IdentityProvider
    admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = AdminClient({"bootstrap.servers": self.plain, "log_level": 0})

    @property
    def plain(self) -> str:
        """The listener without a lock."""
        return self.broker.bootstrap_servers

    def at(self, listener: str, host: str = HOST) -> str:
        """Return the address of a listener."""
        return f"{host}:{self.listeners[listener].port}"

    def settings(self, mode: str, user: str = ADMIN) -> dict[str, str]:
        """Return the product's settings (lower case, no prefix) to come in by a mode of ``MODES``."""
        listener, protocol, mechanism = MODES[mode]
        given = {
            "kafka_bootstrap_servers": self.at(listener),
            "kafka_security_protocol": protocol,
            "kafka_ssl_ca_file": str(self.certificates.ca),
        }
        if listener == "MTLS":
            given["kafka_ssl_certificate_file"] = str(self.certificates.client)
            given["kafka_ssl_key_file"] = str(self.certificates.locked_key)
            given["kafka_ssl_key_password"] = KEY_PASSWORD
        if mechanism:
            given["kafka_sasl_mechanism"] = mechanism
        if mechanism == "OAUTHBEARER":
            given["kafka_oauth_token_url"] = self.provider.url
            given["kafka_oauth_client_id"] = user
            given["kafka_oauth_client_secret"] = self.provider.clients[user]
            given["kafka_oauth_scope"] = "kafka"
        elif mechanism:
            given["kafka_sasl_username"] = user
            given["kafka_sasl_password"] = PASSWORD
        return given

    def add_users(self, names: Iterable[str]) -> None:
        """Make users that log in by SCRAM, and wait until the broker knows them."""
        for name, mechanism in itertools.product(names, (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)):
            # Kafka takes one change of a user in a request.
            wanted = UserScramCredentialUpsertion(name, ScramCredentialInfo(mechanism, 4096), PASSWORD.encode())
            for future in self.admin.alter_user_scram_credentials([wanted]).values():
                future.result(timeout=20)

    def allow(self, user: str, acls: Iterable[Acl]) -> None:
        """Give rights, and return when the authorizer has them."""
        bindings = [_binding(user, acl) for acl in acls]
        for future in self.admin.create_acls(bindings).values():
            future.result(timeout=20)
        self._await(lambda found: set(bindings) <= found)

    def deny(self, user: str, acls: Iterable[Acl]) -> None:
        """Take rights back, and return when the authorizer has forgotten them."""
        bindings = [_binding(user, acl) for acl in acls]
        filters = [
            AclBindingFilter(
                each.restype,
                each.name,
                each.resource_pattern_type,
                each.principal,
                each.host,
                each.operation,
                each.permission_type,
            )
            for each in bindings
        ]
        for future in self.admin.delete_acls(filters).values():
            assert future.result(timeout=20), "there was no such right"
        self._await(lambda found: not set(bindings) & found)

    def _await(self, done: Callable[[set[AclBinding]], bool]) -> None:
        # None stands for any; the library's stubs do not say so.
        anything: Any = None
        everything = AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            anything,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        deadline = time.monotonic() + 20
        while not done(set(self.admin.describe_acls(everything).result(timeout=20))):
            assert time.monotonic() < deadline, "the rights did not change"
            time.sleep(0.05)


MODES = {
    "tls": ("TLS", "SSL", None),
    "mtls": ("MTLS", "SSL", None),
    "plain": ("SASL", "SASL_SSL", "PLAIN"),
    "scram-sha-256": ("SASL", "SASL_SSL", "SCRAM-SHA-256"),
    "scram-sha-512": ("SASL", "SASL_SSL", "SCRAM-SHA-512"),
    "oauthbearer": ("SASL", "SASL_SSL", "OAUTHBEARER"),
}
"""Listener, protocol and mechanism."""


@contextmanager
def secured_kafka(folder: Path, *users: str) -> Iterator[Secured]:
    """Run the broker while the block runs; ``users`` can log in by each SASL mechanism, beside the admin."""
    names = (ADMIN, *users)
    provider = IdentityProvider({name: f"secret-of-{name}" for name in names})
    certificates = issue(folder)
    keys = folder / "keys.json"
    keys.write_bytes(provider.keys())
    listeners = {
        "TLS": Listener("SSL", free_port()),
        "MTLS": Listener("SSL", free_port()),
        "ELSEWHERE": Listener("SSL", free_port()),
        "SASL": Listener("SASL_SSL", free_port()),
    }
    run = RunFolder.fresh(data_folder())
    broker = Broker(
        data_folder(),
        run,
        listeners=listeners,
        options=_options(certificates, keys, names),
        java_options=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys.as_uri()}"],
    )
    with serving(provider):
        try:
            broker.start()
            secured = Secured(broker, listeners, certificates, provider)
            secured.add_users(names)
            yield secured
        finally:
            broker.end()
            run.end()


def issue(folder: Path) -> Certificates:
    """Write an authority, certificates for the broker and a client, and an authority that signed none of them."""
    authority, stranger = trustme.CA(), trustme.CA()
    broker, elsewhere = authority.issue_cert(HOST), authority.issue_cert("kafka.example.com")
    client = authority.issue_cert("client@example.com", common_name=ADMIN)
    made = Certificates(
        *(folder / f"{name}.pem" for name in ("ca", "broker", "elsewhere", "client", "key", "locked-key", "stranger"))
    )
    authority.cert_pem.write_to_path(made.ca)
    stranger.cert_pem.write_to_path(made.stranger)
    for issued, place in ((broker, made.broker), (elsewhere, made.elsewhere)):
        # Kafka reads a key as PKCS#8 alone, and wants key and certificate in one file.
        place.write_bytes(_pkcs8(issued) + b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    client.private_key_pem.write_to_path(made.key)
    made.locked_key.write_bytes(_pkcs8(client, KEY_PASSWORD))
    made.client.write_bytes(b"".join(pem.bytes() for pem in client.cert_chain_pems))
    return made


def _pkcs8(issued: trustme.LeafCert, password: str | None = None) -> bytes:
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _options(certificates: Certificates, keys: Path, users: Iterable[str]) -> dict[str, str]:
    def tls(listener: str, keystore: Path) -> dict[str, str]:
        start = f"listener.name.{listener}.ssl"
        return {
            f"{start}.keystore.type": "PEM",
            f"{start}.keystore.location": str(keystore),
            f"{start}.truststore.type": "PEM",
            f"{start}.truststore.location": str(certificates.ca),
        }

    def quoted(text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        # The settings file takes a backslash for an escape too, and is not UTF-8.
        return f'"{escaped}"'.replace("\\", "\\\\").encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00")

    passwords = " ".join(f"user_{name}={quoted(PASSWORD)}" for name in users)
    sasl = "listener.name.sasl"
    return {
        **tls("tls", certificates.broker),
        **tls("mtls", certificates.broker),
        **tls("elsewhere", certificates.elsewhere),
        **tls("sasl", certificates.broker),
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        f"{sasl}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        f"{sasl}.plain.sasl.jaas.config": f"{JAAS}.plain.PlainLoginModule required {passwords};",
        f"{sasl}.scram-sha-256.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
        f"{sasl}.scram-sha-512.sasl.jaas.config": f"{JAAS}.scram.ScramLoginModule required;",
        f"{sasl}.oauthbearer.sasl.jaas.config": f"{JAAS}.oauthbearer.OAuthBearerLoginModule required;",
        f"{sasl}.oauthbearer.sasl.server.callback.handler.class": (
            f"{JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler"
        ),
        f"{sasl}.oauthbearer.sasl.oauthbearer.jwks.endpoint.url": keys.as_uri(),
        f"{sasl}.oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
        f"{sasl}.oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
        # Who has an open connection must show a new token before the old one ends.
        f"{sasl}.oauthbearer.connections.max.reauth.ms": "3600000",
        "authorizer.class.name": DENIES,
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "false",
    }


def _binding(user: str, acl: Acl) -> AclBinding:
    resource, name, pattern, operation = acl
    kinds = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactionalId": ResourceType.TRANSACTIONAL_ID,
    }
    operations = {
        "Create": AclOperation.CREATE,
        "Describe": AclOperation.DESCRIBE,
        "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
        "Read": AclOperation.READ,
        "Write": AclOperation.WRITE,
    }
    patterns = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
    return AclBinding(
        kinds[resource],
        name,
        patterns[pattern],
        f"User:{user}",
        "*",
        operations[operation],
        AclPermissionType.ALLOW,
    )
