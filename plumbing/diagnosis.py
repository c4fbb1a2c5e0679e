"""Checks that look at one thing each and say how it is, or what is wrong and how to mend it. Runs them in order."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from plumbing.errors import CfstreamError


class AilmentError(Exception):
    """What is wrong, and in ``mend`` what to do."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.mend = mend


class NotAskedError(Exception):
    """There is nothing to look at here, and that is no fault; the message says why."""


@dataclass(frozen=True)
class Check:
    """``look`` returns one sentence, or raises AilmentError, NotAskedError or CfstreamError.

    It is asked only when the checks named in ``needs`` were well.
    """

    name: str
    look: Callable[[], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What came of a check; ``ok`` None: it was not asked."""

    check: str
    ok: bool | None
    text: str
    mend: str | None = None


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Yield the finding of each check as soon as it is there."""
    well: dict[str, bool] = {}
    for check in checks:
        finding = _finding(check, [need for need in check.needs if not well.get(need, False)])
        well[check.name] = finding.ok is True
        yield finding


def _finding(check: Check, lacking: list[str]) -> Finding:
    if lacking:
        return Finding(check.name, None, f"not asked: {lacking[0]} has to be well first")
    try:
        return Finding(check.name, True, check.look())
    except NotAskedError as reason:
        return Finding(check.name, None, f"not asked: {reason}")
    except AilmentError as error:
        return Finding(check.name, False, str(error), error.mend)
    except CfstreamError as error:
        # Such a message says itself what to do.
        return Finding(check.name, False, " ".join(str(error).split()))
