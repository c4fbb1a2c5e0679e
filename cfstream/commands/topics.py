"""``cfstream topics apply|check``: create the topics, or compare them with their definitions."""

from typing import Annotated

import typer

from cfstream.options import Config, application
from plumbing.errors import CfstreamError
from plumbing.kafka import require_broker
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.topics import Topics

app = application("Create the topics, or check them.")


@app.command()
def apply(
    config: Config = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be created; create nothing.")] = False,
) -> None:
    """Create the topics that are missing. Idempotent; existing topics are left as they are."""
    settings = CommonSettings.load(config)
    admin = require_broker(settings)
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    if dry_run:
        there = admin.list_topics(timeout=10).topics
        for topic in topics:
            typer.echo(f"{topic.name}: {'is there' if topic.name in there else 'would be created'}")
        return
    created = provision.apply(admin, topics, partitions=settings.partitions, replication=settings.replication_factor)
    for topic in topics:
        typer.echo(f"{topic.name}: {'created' if topic.name in created else 'is there'}")


@app.command()
def check(config: Config = None) -> None:
    """Compare the topics with their definitions; exit 1 where a difference could cost rows or numbers."""
    settings = CommonSettings.load(config)
    admin = require_broker(settings)
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    findings = provision.check(admin, topics, partitions=settings.partitions)
    for finding in findings:
        typer.echo(f"{finding.topic}: {finding.text}")
    fatal = sum(finding.fatal for finding in findings)
    if fatal:
        raise CfstreamError(f"topics not fit for use: {fatal}; each line above says what to do")
    typer.echo("all topics are as they should be")
