"""``cfstream schemas register|check``: the registry's side of the contract."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import typer

from cfstream.options import Config, application
from plumbing.errors import CfstreamError
from plumbing.kafka import registry_options
from plumbing.settings import CommonSettings
from schemas import avro
from schemas.registry import ConfluentRegistry, IncompatibleSchemaError
from schemas.topics import Topics

app = application("Register the schemas, or check them.")


@app.command()
def register(config: Config = None) -> None:
    """Register each topic's schema with compatibility BACKWARD_TRANSITIVE. Idempotent."""
    settings = CommonSettings.load(config)
    with _registry(settings) as registry:
        for topic in Topics(settings.topic_prefix):
            try:
                schema_id = registry.register(topic.subject, avro.text(topic.schema))
            except IncompatibleSchemaError as error:
                raise CfstreamError(
                    f"{error}: readers of the older records would break; keep the older schema readable"
                ) from error
            typer.echo(f"{topic.subject}: id {schema_id}")


@app.command()
def check(config: Config = None) -> None:
    """Say whether each schema may follow those registered; exit 1 where one may not. Changes nothing."""
    settings = CommonSettings.load(config)
    bad = 0
    with _registry(settings) as registry:
        for topic in Topics(settings.topic_prefix):
            fits = registry.compatible(topic.subject, avro.text(topic.schema))
            typer.echo(f"{topic.subject}: {'fits' if fits else 'does not follow the registered ones'}")
            bad += not fits
    if bad:
        raise CfstreamError(f"{bad} schemas do not follow the registered ones")


@contextmanager
def _registry(settings: CommonSettings) -> Iterator[ConfluentRegistry]:
    """Yield the registry of the settings. Raise UsageError where it does not answer."""
    with closing(ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))) as registry:
        yield registry
