"""Download pinned files by jgo, verified, with one progress bar for all of them.

jgo writes a file where it belongs while it comes in, so everything goes to a folder that the caller throws away
unless this returns. What comes in is compared with the pin's SHA-256.
"""

import contextlib
import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from jgo.config import GlobalSettings
from jgo.maven import MavenContext, PythonResolver
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from plumbing.errors import CfstreamError
from standin.pins import Pin

PARALLEL = 6
ATTEMPTS = 3
"""For a file whose connection breaks off. A repository that cannot be reached at all is not tried again."""
TIMEOUT_S = 30

Advance = Callable[[int], None]


def fetch(what: str, files: list[Pin], folder: Path, *, repositories: Mapping[str, str] | None = None) -> list[Path]:
    """Download every file into ``folder`` and return their paths, in the pins' order.

    ``repositories`` (name to address) stands in for jgo's own. Raise CfstreamError with one sentence when the
    network, the repository, the disk or a checksum fails.
    """
    total = sum(pin.size for pin in files)
    try:
        with _progress(what, total) as advance, ThreadPoolExecutor(PARALLEL) as pool:
            jobs = [pool.submit(_fetch_one, folder, pin, advance, repositories) for pin in files]
            try:
                return [job.result() for job in jobs]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    except requests.RequestException as error:
        raise CfstreamError(
            f"cannot download {what} ({total // 1_000_000} MB): {_cause(error)}; connect this machine to a Maven "
            "repository (HTTPS_PROXY is obeyed), or set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS and "
            "CFSTREAM_SCHEMA_REGISTRY_URL to use others"
        ) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise CfstreamError(
            f"cannot store {what} ({total // 1_000_000} MB) in {folder.parent}: {error.strerror}; make room, or set "
            "CFSTREAM_DATA_DIR to another folder"
        ) from error


def _fetch_one(folder: Path, pin: Pin, advance: Advance, repositories: Mapping[str, str] | None) -> Path:
    for attempts_left in reversed(range(ATTEMPTS)):
        came = _Count(advance)
        context = _context(folder, came, repositories)
        artifact = (
            context.project(pin.group, pin.artifact).at_version(pin.version).artifact(pin.classifier, pin.packaging)
        )
        try:
            path: Path = artifact.resolve()
        except requests.exceptions.ChunkedEncodingError:
            # It broke off: what came would pass for the whole file at the next attempt.
            came.undo()
            if partial := artifact.cached_path:
                partial.unlink(missing_ok=True)
            if not attempts_left:
                raise
        except RuntimeError as error:
            # jgo's word for "no repository has it", whatever the repository answered.
            raise CfstreamError(
                f"no Maven repository that jgo knows gives out {pin.file_name}; try again, or check ~/.config/jgo.conf"
            ) from error
        else:
            return _verified(path, pin)
    raise AssertionError("the last attempt returns or raises")


def _verified(path: Path, pin: Pin) -> Path:
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != pin.sha256:
        raise CfstreamError(
            f"{pin.file_name} came in damaged ({path.stat().st_size} of {pin.size} bytes, SHA-256 differs); try again, "
            "and if it stays so, ask who runs the Maven repository or the proxy in between"
        )
    return path


class _Count:
    """Counts the bytes of one attempt, so that a failed one can be taken back from the bar."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._bytes = 0

    def __call__(self, count: int) -> None:
        self._bytes += count
        self._advance(count)

    def undo(self) -> None:
        self._advance(-self._bytes)


def _context(folder: Path, advance: Advance, repositories: Mapping[str, str] | None) -> MavenContext:
    @contextlib.contextmanager
    def one_file(_name: str, _size: int) -> Iterator[Advance]:
        yield advance

    context = MavenContext(
        resolver=PythonResolver(progress_callback=one_file),
        repo_cache=folder,
        remote_repos=None if repositories is None else dict(repositories),
        timeout=TIMEOUT_S,
    )
    if repositories is None:
        context.remote_repos.update(GlobalSettings.load().repositories)
    return context


@contextlib.contextmanager
def _progress(what: str, total: int) -> Iterator[Advance]:
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"Downloading {what} ({total // 1_000_000} MB, the first time only) …", highlight=False)
        yield lambda _count: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Downloading {what}, the first time only", total=total)
        yield lambda count: progress.advance(task, count)


def _cause(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.exceptions.SSLError):
        return "the repository's certificate is not trusted here"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "the Maven repository cannot be reached"
