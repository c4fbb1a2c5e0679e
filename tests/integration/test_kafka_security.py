"""The real commands against a broker with locks: each way to come in, each way to be refused."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.chain import Chain, chain
from support.command import Ended, cfstream, settings
from support.secured_kafka import KEY_PASSWORD, MODES, Acl, Secured, secured_kafka
from support.waiting import until

from helm.render import CHART, Chart
from standin.cloud_controller.history import Past
from standin.cloud_controller.server import CloudController
from standin.stack import Stack

TOKEN_S = 3.0
COMPONENTS = ("setup", "producer", "worker", "notifier", "reconcile")
WITH_USERS = {
    "strimzi": {"cluster": "kafka", "users": {"enabled": True}},
    "setup": {"mode": "job"},
    "kafka": {"securityProtocol": "SASL_SSL"},
    "notifier": {"enabled": True, "slackWebhook": {"existingSecret": "hook"}},
    "reconcile": {"enabled": True},
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("locked"), *COMPONENTS) as running:
        yield running


@dataclass(frozen=True)
class World:
    """A Cloud Controller with a small past, and the commands around it."""

    cc: CloudController
    chain: Chain

    def good(self, *arguments: str, by: dict[str, str]) -> Ended:
        """Run a command that must end with exit 0; ``by``: how to come in."""
        ended = self.chain.run(*arguments, given=by)
        assert ended.code == 0, f"{arguments}: {ended.err[-2000:]}"
        return ended

    def agrees(self, by: dict[str, str]) -> bool:
        """Compare the tables with the Cloud Controller's truth."""
        states = {each["app_guid"]: each for each in self.good("state", "--json", by=by).objects}
        none = {"running_instances": 0, "memory_mb": 0}
        truth = self.cc.truth()["apps"]
        assert sum(app["running_instances"] for app in truth.values()) > 0
        return all(app[name] == states.get(guid, none)[name] for guid, app in truth.items() for name in none)


@pytest.fixture
def world(stack: Stack, locked: Secured, tmp_path: Path) -> Iterator[World]:
    cc = CloudController(seed=11)
    cc.write_past(Past(usage_rows=150, apps=12))
    with chain(cc, locked.plain, stack.registry_url, tmp_path) as around:
        yield World(cc, around)


@pytest.mark.parametrize("mode", MODES)
def test_every_part_comes_in(mode: str, locked: Secured, world: World) -> None:
    by = locked.settings(mode)
    world.chain.start("notifier", "notifier", "run", **by)
    assert "is there" in world.good("topics", "apply", by=by).out
    world.good("producer", "run", "--until-caught-up", by=by)
    world.good("processors", "run", "--until-caught-up", by=by)
    assert world.agrees(by)
    tailed = world.good("tail", "app-usage-events", "--until-end", "--json", by=by).objects
    assert {each["value"]["guid"] for each in tailed} == {row.guid for row in world.cc.ledger.usage}
    until(lambda: world.chain.said("notifier", "notifier is up to date"), within_s=120, what="the notifier reads")


def test_a_token_that_ends_is_followed_by_another_while_all_runs_on(locked: Secured, world: World) -> None:
    by = locked.settings("oauthbearer")
    locked.provider.lifetime_s = TOKEN_S
    try:
        producer = world.chain.start("producer", "producer", "run", **by)
        worker = world.chain.start("worker", "processors", "run", **by)
        until(lambda: world.chain.said("worker", "rows applied"), within_s=120, what="the worker reads")
        issued = locked.provider.issued
        # The broker ends a connection whose token has ended: from here on both have shown new ones.
        until(lambda: locked.provider.issued >= issued + 6, within_s=120, what="tokens end and are followed")
        world.cc.do(20)
        until(lambda: world.agrees(locked.settings("tls")), within_s=120, what="new rows arrive")
        assert (producer.running, worker.running) == (True, True)
    finally:
        locked.provider.lifetime_s = 300


@pytest.mark.parametrize(
    ("mode", "wrong", "told"),
    [
        ("plain", {"kafka_sasl_password": "no"}, "the brokers refuse user admin (PLAIN): check CFSTREAM_KAFKA_SASL_"),
        ("scram-sha-512", {"kafka_sasl_password": "no"}, "the brokers refuse user admin (SCRAM-SHA-512): check"),
        ("oauthbearer", {"kafka_oauth_client_secret": "no"}, "check CFSTREAM_KAFKA_OAUTH_TOKEN_URL, "),
        ("tls", {"kafka_ssl_ca_file": "{stranger}"}, "set CFSTREAM_KAFKA_SSL_CA_FILE to the PEM file of the authority"),
        ("tls", {"kafka_bootstrap_servers": "{localhost}"}, "Hostname mismatch"),
        ("tls", {"kafka_bootstrap_servers": "{elsewhere}"}, "name the brokers in CFSTREAM_KAFKA_BOOTSTRAP_SERVERS as"),
        ("tls", {"kafka_bootstrap_servers": "{mtls}"}, "check CFSTREAM_KAFKA_SSL_CERTIFICATE_FILE and"),
        ("mtls", {"kafka_ssl_key_password": f"not {KEY_PASSWORD}"}, "check CFSTREAM_KAFKA_SSL_KEY_PASSWORD"),
        ("tls", {"kafka_ssl_ca_file": "/nowhere.pem"}, "cannot read /nowhere.pem: No such file"),
    ],
)
def test_who_is_refused_is_told_what_to_do(mode: str, wrong: dict[str, str], told: str, locked: Secured) -> None:
    places = {
        "stranger": str(locked.certificates.stranger),
        "localhost": locked.at("TLS", "localhost"),
        "elsewhere": locked.at("ELSEWHERE"),
        "mtls": locked.at("MTLS"),
    }
    given = {name: value.format(**places) for name, value in wrong.items()}
    ended = cfstream("topics", "check", environment=settings(locked.settings(mode) | given))
    assert ended.code == 2
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert told in line


@dataclass(frozen=True)
class Allowed:
    """A world in which each component is a user of its own, with the rights that the chart gives it."""

    world: World
    locked: Secured
    rights: dict[str, list[Acl]]

    def run(self, component: str, *arguments: str) -> Ended:
        """Run a command as a component."""
        return self.world.chain.run(*arguments, given=self.locked.settings("scram-sha-512", component))

    def good(self, component: str, *arguments: str) -> Ended:
        """Run a command as a component; it must end with exit 0."""
        return self.world.good(*arguments, by=self.locked.settings("scram-sha-512", component))

    @contextmanager
    def without(self, component: str, acl: Acl) -> Iterator[None]:
        """Take one of the chart's rights away while the block runs."""
        assert acl in self.rights[component]
        self.locked.deny(component, [acl])
        try:
            yield
        finally:
            self.locked.allow(component, [acl])


def chart_rights(prefix: str, folder: Path) -> dict[str, list[Acl]]:
    """Return what the chart's KafkaUsers may do, by component."""
    tools = subprocess.run([CHART.parent / "tools.sh"], capture_output=True, text=True, check=True).stdout
    helm = dict(line.split("=", 1) for line in tools.splitlines())["CHART_HELM"]
    values = WITH_USERS | {"topics": {"prefix": prefix}}
    users = Chart(helm, folder).render(CHART / "ci" / "minimal-values.yaml", values=values).all("KafkaUser")
    return {
        user["metadata"]["labels"]["app.kubernetes.io/component"]: [
            (acl["resource"]["type"], acl["resource"]["name"], acl["resource"]["patternType"], operation)
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        ]
        for user in users
    }


@pytest.fixture(scope="module")
def allowed(stack: Stack, locked: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Allowed]:
    folder = tmp_path_factory.mktemp("allowed")
    cc = CloudController(seed=12)
    cc.write_past(Past(usage_rows=150, apps=12))
    # The chart's own group, which its rights name.
    more = {"CFSTREAM_WORKER_GROUP": "cfstream-processors"}
    with chain(cc, locked.plain, stack.registry_url, folder, more=more) as around:
        rights = chart_rights(around.scene.topics.prefix, folder)
        assert set(rights) == set(COMPONENTS)
        for component, acls in rights.items():
            locked.allow(component, acls)
        around.delete(around.scene.topics)
        made = Allowed(World(cc, around), locked, rights)
        created = made.good("setup", "topics", "apply").out
        assert created.count("created") == len(list(around.scene.topics))
        made.good("setup", "schemas", "register")
        yield made


@pytest.mark.timeout(1800)  # the first run builds helm
def test_the_rights_of_the_chart_are_enough_for_everything(allowed: Allowed) -> None:
    allowed.good("setup", "topics", "check")
    allowed.good("producer", "producer", "run", "--until-caught-up")
    allowed.good("worker", "processors", "run", "--until-caught-up")
    # What the runbook has people run in the pods.
    assert " apps agree" in allowed.good("reconcile", "reconcile").out
    for component, command in (
        ("worker", "state"),
        ("worker", "totals --by space"),
        ("worker", "tail app-usage-events --until-end"),
        ("producer", "reconcile"),
        ("producer", "producer status"),
        ("producer", "dead-letters list"),
        ("notifier", "alerts silence add --for 1h --author me --comment quiet app=none"),
        ("notifier", "alerts list"),
    ):
        allowed.good(component, *command.split())
    for component in ("producer", "worker", "notifier"):
        rights = next(line for line in allowed.good(component, "doctor").out.splitlines() if "kafka rights" in line)
        assert rights == f"✔ kafka rights: enough for {component}"
    # Sharing the tails, and leading, take groups besides.
    for component in ("producer", "notifier"):
        by = allowed.locked.settings("scram-sha-512", component)
        allowed.world.chain.start(component, component, "run", **by)
    for component, said in (("producer", "goes on"), ("notifier", "is up to date")):
        until(lambda c=component, s=said: allowed.world.chain.said(c, s), within_s=120, what=component)  # type: ignore[misc] # mypy cannot type a default


@pytest.mark.parametrize(
    ("component", "command", "resource", "name", "operation"),
    [
        ("setup", "topics check", "topic", "", "Describe"),
        ("setup", "topics check", "topic", "", "DescribeConfigs"),
        ("producer", "producer run", "topic", "audit-events", "Write"),
        ("producer", "producer run", "topic", "producer-checkpoints", "Read"),
        ("producer", "producer run", "group", "producer", "Read"),
        ("producer", "producer run --until-caught-up", "transactionalId", "producer.", "Write"),
        ("producer", "reconcile", "topic", "app-state", "Read"),
        ("worker", "processors run", "topic", "app-state", "Write"),
        ("worker", "processors run", "group", "cfstream", "Read"),
        ("notifier", "notifier run", "topic", "alerts", "Read"),
        ("notifier", "notifier run", "group", "cfstream", "Read"),
    ],
)
def test_a_right_that_is_missing_is_named(
    component: str, command: str, resource: str, name: str, operation: str, allowed: Allowed
) -> None:
    own = name == "cfstream"
    full = name if own else allowed.world.chain.scene.topics.prefix + name
    prefixed = own or name in ("", "producer", "producer.")
    with allowed.without(component, (resource, full, "prefix" if prefixed else "literal", operation)):
        ended = allowed.run(component, *command.split())
        doctor = allowed.run(component, "doctor") if name == "audit-events" else None
    assert ended.code == (1 if resource == "transactionalId" else 2)
    assert "Traceback" not in ended.err
    *_, line = ended.err.splitlines()
    assert line.startswith(f"cfstream: Kafka does not allow this user: {operation} on {resource} {full}")
    assert line.endswith("give it that right (docs/kafka-security.md)")
    if doctor is not None:
        assert f"{operation} on topic {full} → give it that right" in doctor.out
