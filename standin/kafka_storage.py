"""Formatting a KRaft broker's storage without a Java start of its own.

A formatted folder holds two files: ``meta.properties`` says who the broker is, ``bootstrap.checkpoint`` which feature
levels the cluster begins with. The second is the same for every cluster of one Kafka version: Kafka's own tool makes it
once, when Kafka is installed, and each new folder gets a copy.
"""

import base64
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from plumbing.errors import CfstreamError
from standin.java import environment, kafka_java

TEMPLATE = "bootstrap.checkpoint"
META = "meta.properties"


def new_id() -> str:
    """Return a random identity in Kafka's form: 16 bytes in URL-safe base64, none that begins with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text


def make_template(jars: Path) -> None:
    """Let Kafka's own tool format a throw-away folder, and keep what is common to all beside the jars."""
    with tempfile.TemporaryDirectory(dir=jars) as work:
        folder = Path(work)
        config = folder / "server.properties"
        config.write_text(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:1\n"
            "listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1\ncontroller.listener.names=CONTROLLER\n"
            f"log.dirs={folder}/data\n"
        )
        tool = [*kafka_java(jars, 128, "-XX:TieredStopAtLevel=1"), "kafka.tools.StorageTool"]
        done = subprocess.run(
            [*tool, "format", "-t", new_id(), "-c", str(config)],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CfstreamError(f"Kafka's storage tool failed: {done.stderr.strip() or done.stdout.strip()}")
        shutil.copy(folder / "data" / TEMPLATE, jars / TEMPLATE)


def format_storage(jars: Path, data: Path, *, cluster_id: str, node_id: int) -> None:
    """Make ``data`` the storage of a broker. A folder that is one already is left as it is."""
    if (data / META).exists():
        return
    data.mkdir(parents=True, exist_ok=True)
    shutil.copy(jars / TEMPLATE, data / TEMPLATE)
    lines = ["version=1", f"cluster.id={cluster_id}", f"node.id={node_id}", f"directory.id={new_id()}"]
    temporary = data / f"{META}.new"
    temporary.write_text("\n".join(lines) + "\n")
    temporary.rename(data / META)
