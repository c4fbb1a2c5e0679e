from pathlib import Path

import pytest

from standin.containers import kafka_environment
from standin.embedded_kafka import server_settings
from standin.embedded_registry import settings_for


def test_the_embedded_broker_listens_on_the_loopback_only() -> None:
    found = server_settings(1, 9001, {1: 9002}, Path("/data"))
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9001,CONTROLLER://127.0.0.1:9002"
    assert found["log.dirs"] == "/data"


@pytest.mark.parametrize(("nodes", "copies", "least"), [(1, "1", "1"), (2, "2", "2"), (3, "3", "2"), (5, "3", "2")])
def test_copies_of_kafkas_own_topics_follow_the_number_of_nodes(nodes: int, copies: str, least: str) -> None:
    found = server_settings(1, 1, {node: node for node in range(1, nodes + 1)}, Path("/d"))
    assert found["offsets.topic.replication.factor"] == copies
    assert found["transaction.state.log.min.isr"] == least


def test_every_node_knows_all_controllers() -> None:
    found = server_settings(2, 1, {2: 12, 1: 11}, Path("/d"))
    assert found["controller.quorum.voters"] == "1@127.0.0.1:11,2@127.0.0.1:12"
    assert found["listeners"].endswith("CONTROLLER://127.0.0.1:12")


def test_the_container_has_the_same_rules_as_the_child() -> None:
    child = server_settings(1, 1, {1: 2}, Path("/d"))
    container = kafka_environment(9001)
    for name in ("auto.create.topics.enable", "transaction.state.log.min.isr", "group.initial.rebalance.delay.ms"):
        assert container["KAFKA_" + name.replace(".", "_").upper()] == child[name]


def test_the_container_tells_clients_the_outer_port_and_neighbours_its_name() -> None:
    found = kafka_environment(9001)["KAFKA_ADVERTISED_LISTENERS"]
    assert found == "CLIENTS://127.0.0.1:9001,NEIGHBOURS://kafka:19092"


def test_the_registry_keeps_its_schemas_in_kafka() -> None:
    found = settings_for("k:1", 8080)
    assert found["APICURIO_STORAGE_KIND"] == "kafkasql"
    assert found["APICURIO_KAFKASQL_BOOTSTRAP_SERVERS"] == "k:1"
    assert found["QUARKUS_HTTP_HOST"] == "127.0.0.1"
