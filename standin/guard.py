"""Stands between us and a child process, so that the child cannot outlive us. Run as a script, never imported.

    python guard.py GRACE_SECONDS COMMAND…

Its standard input is a pipe whose other end we hold. ``t`` asks for a clean end: SIGTERM, and SIGKILL after the grace.
When the pipe closes, or our process is gone, we were killed: the child is killed at once. Should the guard itself be
killed, Linux kills the child (PR_SET_PDEATHSIG; the guard is single-threaded when it forks and its main thread lives
as long as it does, so the signal means what it says). The first line on standard output is the child's process id;
the exit code is the child's.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1
LOOK_EVERY_S = 0.5


def main() -> int:
    """Start the child, watch over it, return its exit code."""
    parent, guard = os.getppid(), os.getpid()
    grace = float(sys.argv[1])
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def die_with_guard() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)

    child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=2, preexec_fn=die_with_guard)  # noqa: PLW1509 - no threads yet
    print(child.pid, flush=True)  # noqa: T201 - what our parent reads
    threading.Thread(target=watch, args=(child, parent, grace), daemon=True).start()
    return child.wait()


def watch(child: "subprocess.Popen[bytes]", parent: int, grace: float) -> None:
    """Wait for the word to end, or for the end of the parent."""
    while True:
        readable, _, _ = select.select([0], [], [], LOOK_EVERY_S)
        if readable and os.read(0, 1) == b"t":
            child.terminate()
            try:
                child.wait(grace)
            except subprocess.TimeoutExpired:
                child.kill()
            return
        if readable or os.getppid() != parent:
            child.kill()
            return


if __name__ == "__main__":
    code = main()
    sys.exit(code if code >= 0 else 128 - code)
