# ruff: noqa: PLR2004 # chances of made-up names
"""Names and sizes that apps, spaces and people get."""

import random

from standin.cloud_controller.guids import guid
from standin.cloud_controller.rows import Actor

ORGS = ("retail", "banking", "platform", "research", "logistics", "media", "public-sector", "insurance")
SPACES = ("production", "staging", "development", "sandbox")
NOUNS = (
    "checkout", "catalog", "ledger", "invoice", "search", "profile", "gateway", "pricing", "stock", "mailer",
    "report", "session", "quote", "archive", "scanner", "tracker", "planner", "portal", "billing", "claims",
)  # fmt: skip
KINDS = ("api", "web", "worker", "service", "ui", "proxy", "job", "batch")
TASK_NAMES = ("migrate", "cleanup", "import", "export", "reindex", "nightly report")
MEMORY_MB = (64, 128, 256, 256, 512, 512, 1024, 1024, 2048, 4096)
BUILDPACKS = (
    "java_buildpack", "java_buildpack", "nodejs_buildpack", "nodejs_buildpack", "python_buildpack",
    "go_buildpack", "ruby_buildpack", "https://robot:s3cr3t-canary@git.example.com/custom-buildpack.git",
)  # fmt: skip
USERS = ("ada", "grace", "linus", "barbara", "edsger", "margaret", "dennis", "radia")


def people(chance: random.Random) -> tuple[Actor, ...]:
    """Return the users who do things; their names are e-mail addresses."""
    return tuple(Actor(guid(chance), "user", f"{name}@example.com", f"{name}@example.com") for name in USERS)


def app_name(chance: random.Random, number: int) -> str:
    """Return a name unlike all others; a few hold characters that must be escaped somewhere."""
    name = f"{chance.choice(NOUNS)}-{chance.choice(KINDS)}-{number}"
    return f'{name} "é" <b>&' if number % 97 == 96 else name


def processes(chance: random.Random) -> dict[str, tuple[int, int]]:
    """Return the processes of a new app: web always, sometimes worker and clock too."""
    found = {"web": (chance.choice((1, 1, 2, 2, 3, 4)), chance.choice(MEMORY_MB))}
    if chance.random() < 0.25:
        found["worker"] = (chance.choice((0, 1, 1, 2, 3)), chance.choice(MEMORY_MB))
    if chance.random() < 0.05:
        found["clock"] = (1, 128)
    return found
