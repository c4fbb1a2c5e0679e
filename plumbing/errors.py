"""The errors that end a command, grouped by what the caller can do about them.

CfstreamError          exit 1: failed while running
  UsageError           exit 2: wrong use or a wrong setting; nothing was started
    AwayError          exit 2 likewise: what we need does not answer; who can wait tries again instead
  FencedError          exit 3: another instance took over; this one must not write again

A message is one sentence or two: what is wrong, and what to do next. It never holds a secret.
"""

from typing import ClassVar


class CfstreamError(Exception):
    """Something failed while running, and trying again in this process will not help."""

    exit_code: ClassVar[int] = 1


class UsageError(CfstreamError):
    """The command or a setting is wrong. Found at the start, before anything was done."""

    exit_code: ClassVar[int] = 2


class AwayError(UsageError):
    """What we need does not answer, and that may heal by itself. ``mend``: what somebody can do meanwhile."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{reason}: {mend}")
        self.reason = reason
        self.mend = mend


class FencedError(CfstreamError):
    """Another instance with the same identity has taken over."""

    exit_code: ClassVar[int] = 3
