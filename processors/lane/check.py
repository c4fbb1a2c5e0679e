"""At the start: are the libraries the ones this room was written against? Better no worker than a wrong one."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

from plumbing.errors import CfstreamError

VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0", "mode-streaming": "0.7.1"}

_NAMES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (
        BaseConsumer,
        (
            "_add_gap",
            "_clean_unacked_messages",
            "_drain_messages",
            "_filter_tps_with_pending_acks",
            "_get_active_partitions",
            "_new_offset",
            "_waiting_for_ack",
            "ack",
            "earliest_offsets",
            "highwaters",
            "on_buffer_drop",
            "on_buffer_full",
            "perform_seek",
            "seek_wait",
            "wait_empty",
        ),
    ),
    (Consumer, ("_new_consumer_thread", "_to_message")),
    (AIOKafkaConsumerThread, ("_create_worker_consumer", "_ensure_consumer", "_fetch_records", "call_thread")),
    (TopicPartitionState, ("has_valid_position", "position")),
    (Fetcher, ("fetched_records",)),
    (GroupCoordinator, ("check_errors",)),
    (Recovery, ("flush_buffers", "need_recovery")),
)
_KEPT: tuple[tuple[Any, str, str], ...] = (
    (AIOKafkaConsumer.__init__, "_isolation_level", "aborted records would be read"),
    (AIOKafkaConsumer.start, "_fetch_max_wait_ms", "recovery would wait for idle fetches"),
    (AIOKafkaConsumer.start, "_coordinator", "a worker that has dropped out of its group would go on"),
    (Fetcher.fetched_records, "_records", "chunks would not be whole"),
)
"""What an object's methods must keep under that name, and what would happen else."""


def trouble() -> str | None:
    """Return what does not fit, in one sentence; None when all does."""
    for package, wanted in VERSIONS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            return f"{package} is not installed: install cfstream[worker]"
        if found != wanted:
            return f"{package} {found} is installed but the worker is made for {wanted}: install cfstream[worker]"
    for owner, names in _NAMES:
        for name in names:
            if not hasattr(owner, name):
                return f"{owner.__module__}.{owner.__qualname__} has no {name}: the worker needs exactly {VERSIONS}"
    for function, name, else_ in _KEPT:
        if name not in function.__code__.co_names:
            return f"aiokafka no longer keeps {name}: {else_}"
    return None


def check() -> None:
    """Raise CfstreamError when the libraries do not fit."""
    sentence = trouble()
    if sentence is not None:
        raise CfstreamError(sentence)
