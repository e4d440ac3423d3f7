# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads of large files: resumed, checked, and in place only when whole."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rotopoint import __version__
from rotopoint.errors import Cancelled, DownloadFailed, OutputUnwritable, PackageMissing
from rotopoint.whole_files import replace_file

CHUNK = 1 << 18

Progress = Callable[[int, int | None], None]
"""Told the bytes that are here and the bytes in all, None where the server does not say."""


@dataclass(frozen=True)
class DownloadPolicy:
    """Where a download may go, redirects included."""

    hosts: frozenset[str]
    schemes: frozenset[str] = frozenset({"https"})
    timeout: float = 30.0
    """Seconds without a byte after which a connection counts as broken."""

    def refusal(self, address: str) -> str | None:
        """Why an address is refused, or None."""
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in self.schemes:
            return f"only {' and '.join(sorted(self.schemes))} is allowed"
        if parts.hostname not in self.hosts:
            return f"{parts.hostname} is not a host that checkpoints come from"
        return None


def download(
    address: str,
    target: Path,
    policy: DownloadPolicy,
    *,
    fault_of: Callable[[Path], str | None],
    size: int | None = None,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Bring `address` to `target` and return it.

    What came so far lies beside the target as `.part`; after a break or a cancel the next call goes on
    from there, if the server still offers the same content, and starts again otherwise. `fault_of` says
    what is wrong with the whole file, or None; a faulty one is deleted. Where its `size` in bytes is known,
    no more than that is ever written. The target appears in one step, replacing an older file. One process
    at a time downloads to a target.

    Raises DownloadFailed, OutputUnwritable, Cancelled.
    """
    if refusal := policy.refusal(address):
        raise DownloadFailed(address, refusal)
    part = target.with_name(target.name + ".part")
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target, address):
        _fetch(address, part, policy, size, progress, cancelled)
        if fault := fault_of(part):
            with _writing(part):
                part.unlink()
            raise DownloadFailed(address, fault)
        with _writing(target):
            replace_file(part, target)
            _validator_file(part).unlink(missing_ok=True)
    return target


@dataclass(frozen=True)
class _Answer:
    """What a server sends: `start` is the first byte's place in the file."""

    response: http.client.HTTPResponse
    start: int
    total: int | None


def _fetch(
    address: str,
    part: Path,
    policy: DownloadPolicy,
    size: int | None,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> None:
    """Complete `part`. It is kept whatever happens, unless it cannot become what is asked for."""
    with _connected(address):
        answer = _open(address, part, policy, size)
    with answer.response:
        if size is not None and answer.total not in (None, size):
            _forget(part)
            raise DownloadFailed(address, f"the server offers {answer.total} bytes instead of {size}")
        if answer.total is not None:
            _require_space(part.parent, answer.total - answer.start)
        done = answer.start
        with _writing(part), part.open("r+b") as file:
            file.seek(done)
            while True:
                progress(done, answer.total)
                if cancelled():
                    raise Cancelled()
                with _connected(address):
                    chunk = answer.response.read(CHUNK)
                if not chunk:
                    break
                if size is not None and done + len(chunk) > size:
                    _forget(part)
                    raise DownloadFailed(address, f"the server sends more than {size} bytes")
                file.write(chunk)
                done += len(chunk)
            file.flush()
            os.fsync(file.fileno())
    total = size if answer.total is None else answer.total
    if total is not None and done != total:
        raise DownloadFailed(address, f"the connection broke after {done} of {total} bytes")


def _open(address: str, part: Path, policy: DownloadPolicy, size: int | None) -> _Answer:
    """Ask for what is missing of `part`, or for the whole where that cannot be resumed."""
    validator = _saved_validator(part)
    have = part.stat().st_size if validator else 0
    if size is not None and have >= size:
        # Nothing may be missing, and what is here was never found whole.
        have = 0
    request = urllib.request.Request(
        address, headers={"Accept-Encoding": "identity", "User-Agent": f"rotopoint/{__version__}"}
    )
    if have:
        # If-Range: a server whose file changed meanwhile sends it whole.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", validator)
    opener = urllib.request.build_opener(_PolicedRedirects(policy))
    try:
        response = opener.open(request, timeout=policy.timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if have and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # Nothing may be missing; asking for the whole decides without trusting the server's words.
            return _open_anew(address, part, policy, size)
        raise DownloadFailed(address, f"the server answered {error.code} {error.reason}") from error
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        if not have:
            response.close()
            raise DownloadFailed(address, "the server sent a part where the whole was asked for")
        if not _is_rest(response.headers.get("Content-Range", ""), have, size):
            # Such a server would answer so for ever.
            response.close()
            return _open_anew(address, part, policy, size)
        return _Answer(response, have, None if response.length is None else have + response.length)
    with _writing(part):
        # In this order: a part never lies beside the validator of other content.
        part.write_bytes(b"")
        _validator_file(part).write_text(_validator(response), encoding="ascii", errors="replace")
    return _Answer(response, 0, response.length)


def _open_anew(address: str, part: Path, policy: DownloadPolicy, size: int | None) -> _Answer:
    """Ask for the whole; without its validator a part is not resumed."""
    _validator_file(part).unlink(missing_ok=True)
    return _open(address, part, policy, size)


def _is_rest(content_range: str, start: int, size: int | None) -> bool:
    """Whether a Content-Range says: from `start` to the end of a file (of `size` bytes where known)."""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", content_range.strip())
    if found is None or int(found[1]) != start:
        return False
    end = int(found[2]) + 1
    total = end if found[3] == "*" else int(found[3])
    return end == total and size in (None, total)


def _forget(part: Path) -> None:
    """Remove a part that cannot become what is asked for."""
    with _writing(part):
        part.unlink(missing_ok=True)
        _validator_file(part).unlink(missing_ok=True)


class _PolicedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only where the policy lets a download go."""

    def __init__(self, policy: DownloadPolicy) -> None:
        self.policy = policy

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if refusal := self.policy.refusal(newurl):
            fp.close()
            raise DownloadFailed(newurl, f"{req.full_url} redirects there, and {refusal}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _validator(response: http.client.HTTPResponse) -> str:
    """What tells the content apart from a later one: a strong ETag or a date; empty if there is none."""
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    return str(response.headers.get("Last-Modified", ""))


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".validator")


def _saved_validator(part: Path) -> str:
    """The validator of a part that can be resumed, else empty."""
    file = _validator_file(part)
    if not part.is_file() or not file.is_file():
        return ""
    return file.read_text(encoding="ascii", errors="replace").strip()


def _require_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OutputUnwritable(folder, f"{needed >> 20} MiB are needed, {free >> 20} MiB are free")


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """What a connection can raise becomes DownloadFailed."""
    try:
        yield
    except urllib.error.URLError as error:
        raise DownloadFailed(address, str(error.reason)) from error
    except TimeoutError as error:
        raise DownloadFailed(address, "the server stopped sending") from error
    except (OSError, http.client.HTTPException) as error:
        raise DownloadFailed(address, f"the connection broke ({error})") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputUnwritable(path, error.strerror or str(error)) from error


@contextmanager
def _locked(target: Path, address: str) -> Iterator[None]:
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError as error:
        raise PackageMissing("filelock", "media") from error
    lock = FileLock(target.with_name(target.name + ".lock"))
    with _writing(target):
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise DownloadFailed(address, "another process is downloading it") from error
    try:
        yield
    finally:
        lock.release()
