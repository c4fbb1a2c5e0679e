"""``cfstream notifier run``: sends the alerts."""

import asyncio

from cfstream.options import Config, application
from plumbing import logs
from processors.notify.run import run as run_notifier
from processors.notify.settings import NotifierSettings

app = application("Send alerts to chat webhooks.")


@app.command()
def run(config: Config = None) -> None:
    """Run a notifier until SIGTERM. Of several, one sends and the others stand by."""
    settings = NotifierSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(run_notifier(settings))
