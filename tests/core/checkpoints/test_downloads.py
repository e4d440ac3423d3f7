# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads from a server on this machine, under a policy of their own that allows it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from filelock import FileLock

from rotopoint.checkpoints.downloads import CHUNK, DownloadPolicy, download
from rotopoint.errors import Cancelled, DownloadFailed, OutputUnwritable

CONTENT = bytes(range(256)) * (5 * CHUNK // 512)
"""Two and a half chunks."""

LOCAL = DownloadPolicy(hosts=frozenset({"127.0.0.1"}), schemes=frozenset({"http"}), timeout=5.0)


@dataclass
class Offer:
    """What the server does next."""

    content: bytes = CONTENT
    tag: str = '"one"'
    breaks_after: int | None = None
    honors_range: bool = True
    range_answer: str | None = None
    """The Content-Range of every answer to a range, whatever was asked for."""
    says_length: bool = True
    status: int = 200
    redirect: str = ""
    ranges: list[str | None] = field(default_factory=list)
    """The Range header of each request."""


class Server(ThreadingHTTPServer):
    offer: Offer

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/model.pt"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        offer = self.server.offer
        asked = self.headers.get("Range")
        offer.ranges.append(asked)
        if offer.redirect:
            self.send_response(302)
            self.send_header("Location", offer.redirect)
            self.end_headers()
            return
        if offer.status != 200:
            self.send_error(offer.status)
            return
        start = 0
        if asked and offer.honors_range and self.headers.get("If-Range") == offer.tag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(offer.content):
                self.send_error(416)
                return
            self.send_response(206)
            told = f"bytes {start}-{len(offer.content) - 1}/{len(offer.content)}"
            self.send_header("Content-Range", told if offer.range_answer is None else offer.range_answer)
        else:
            self.send_response(200)
        if offer.tag:
            self.send_header("ETag", offer.tag)
        if offer.says_length:
            self.send_header("Content-Length", str(len(offer.content) - start))
        self.end_headers()
        self.wfile.write(offer.content[start : offer.breaks_after])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.offer = Offer()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fault_of(path: Path) -> str | None:
    return None if path.read_bytes() == CONTENT else "wrong content"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "größe mit leer" / "model.pt"


def part_of(target: Path) -> Path:
    return target.with_name("model.pt.part")


def test_a_file_arrives_with_progress_and_leaves_no_part(server: Server, target: Path) -> None:
    told: list[tuple[int, int | None]] = []
    done = download(server.address, target, LOCAL, fault_of=fault_of, progress=lambda *now: told.append(now))
    assert done == target
    assert target.read_bytes() == CONTENT
    assert told == [(n, len(CONTENT)) for n in (0, CHUNK, 2 * CHUNK, len(CONTENT))]
    assert {p.name for p in target.parent.iterdir()} <= {"model.pt", "model.pt.lock"}


def test_a_broken_connection_is_resumed(server: Server, target: Path) -> None:
    server.offer.breaks_after = CHUNK + 1000
    with pytest.raises(DownloadFailed, match="broke") as caught:
        download(server.address, target, LOCAL, fault_of=fault_of)
    assert caught.value.address == server.address
    assert not target.exists()
    assert part_of(target).read_bytes() == CONTENT[: CHUNK + 1000]

    server.offer.breaks_after = None
    download(server.address, target, LOCAL, fault_of=fault_of)
    assert server.offer.ranges == [None, f"bytes={CHUNK + 1000}-"]
    assert target.read_bytes() == CONTENT


def test_cancelling_keeps_the_part(server: Server, target: Path) -> None:
    seen: list[int] = []
    with pytest.raises(Cancelled):
        download(
            server.address,
            target,
            LOCAL,
            fault_of=fault_of,
            progress=lambda done, total: seen.append(done),
            cancelled=lambda: seen[-1] >= CHUNK,
        )
    assert part_of(target).read_bytes() == CONTENT[:CHUNK]
    download(server.address, target, LOCAL, fault_of=fault_of)
    assert server.offer.ranges == [None, f"bytes={CHUNK}-"]


@pytest.mark.parametrize("change", ["ignores ranges", "other content", "no validator", "part too long"])
def test_what_cannot_be_resumed_starts_again(server: Server, target: Path, change: str) -> None:
    server.offer.breaks_after = CHUNK
    if change == "no validator":
        server.offer.tag = ""
    if change == "other content":
        server.offer.content = b"\0" * len(CONTENT)
    with pytest.raises(DownloadFailed):
        download(server.address, target, LOCAL, fault_of=fault_of)
    if change == "part too long":
        part_of(target).write_bytes(CONTENT + b"more")
    tag = '"two"' if change == "other content" else server.offer.tag
    server.offer = Offer(tag=tag, honors_range=change != "ignores ranges")
    download(server.address, target, LOCAL, fault_of=fault_of)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "bytes 0-99/100",
        f"bytes {CHUNK}-{CHUNK + 9}/{len(CONTENT)}",
        f"bytes {CHUNK}-{len(CONTENT)}/{len(CONTENT)}",
        f"bytes {CHUNK}-{'9' * 5000}/*",
        f"items {CHUNK}-{len(CONTENT) - 1}/{len(CONTENT)}",
    ],
)
def test_a_server_that_sends_another_part_is_asked_for_the_whole(
    server: Server, target: Path, answer: str
) -> None:
    server.offer.breaks_after = CHUNK
    with pytest.raises(DownloadFailed):
        download(server.address, target, LOCAL, fault_of=fault_of)
    server.offer = Offer(range_answer=answer)
    download(server.address, target, LOCAL, fault_of=fault_of)
    assert server.offer.ranges == [f"bytes={CHUNK}-", None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("content", [CONTENT + b"x", CONTENT * 3])
def test_no_more_is_written_than_the_file_has(
    server: Server, target: Path, says_length: bool, content: bytes
) -> None:
    server.offer = Offer(content=content, says_length=says_length)
    sizes: list[int] = []
    with pytest.raises(DownloadFailed, match=str(len(CONTENT))):
        download(
            server.address,
            target,
            LOCAL,
            fault_of=fault_of,
            size=len(CONTENT),
            progress=lambda done, total: sizes.append(part_of(target).stat().st_size),
        )
    assert max(sizes, default=0) <= len(CONTENT)
    assert not target.exists() and not part_of(target).exists()
    server.offer = Offer()
    download(server.address, target, LOCAL, fault_of=fault_of, size=len(CONTENT))
    assert server.offer.ranges == [None]


def test_a_known_size_tells_a_broken_connection_where_the_server_says_none(
    server: Server, target: Path
) -> None:
    server.offer = Offer(says_length=False, breaks_after=CHUNK)
    with pytest.raises(DownloadFailed, match=f"broke after {CHUNK} of {len(CONTENT)} bytes"):
        download(server.address, target, LOCAL, fault_of=fault_of, size=len(CONTENT))
    server.offer = Offer()
    download(server.address, target, LOCAL, fault_of=fault_of, size=len(CONTENT))
    assert server.offer.ranges == [f"bytes={CHUNK}-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("more", [b"", b"more"])
def test_a_part_as_long_as_the_file_starts_again(server: Server, target: Path, more: bytes) -> None:
    server.offer.breaks_after = CHUNK
    with pytest.raises(DownloadFailed):
        download(server.address, target, LOCAL, fault_of=fault_of)
    part_of(target).write_bytes(b"x" * len(CONTENT) + more)
    server.offer = Offer()
    download(server.address, target, LOCAL, fault_of=fault_of, size=len(CONTENT))
    assert server.offer.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_wrong_content_is_deleted_and_an_older_file_stays(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"older")
    server.offer.content = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadFailed, match="wrong content"):
        download(server.address, target, LOCAL, fault_of=fault_of)
    assert not part_of(target).exists()
    assert target.read_bytes() == b"older"
    server.offer = Offer()
    download(server.address, target, LOCAL, fault_of=fault_of)
    assert server.offer.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_the_target_is_never_seen_half_written(server: Server, target: Path) -> None:
    def fault(path: Path) -> str | None:
        assert path.read_bytes() == CONTENT
        assert not target.exists()
        return None

    download(
        server.address,
        target,
        LOCAL,
        fault_of=fault,
        progress=lambda done, total: pytest.fail("half-written") if target.exists() else None,
    )
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(CONTENT).digest()


def test_redirects_stay_within_the_policy(server: Server, target: Path) -> None:
    port = server.server_port
    for elsewhere in (f"http://localhost:{port}/x", f"ftp://127.0.0.1:{port}/x", "file:///etc/hostname"):
        server.offer.redirect = elsewhere
        with pytest.raises(DownloadFailed) as caught:
            download(server.address, target, LOCAL, fault_of=fault_of)
        assert caught.value.address == elsewhere or "not allowed" in caught.value.reason
        assert not target.exists() and not part_of(target).exists()


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://good.example/x", "only https"),
        ("file:///etc/hostname", "only https"),
        ("https://evil.example/x", "evil.example is not"),
        ("https://good.example@evil.example/x", "evil.example is not"),
        ("https://good.example.evil.example/x", "evil.example is not"),
    ],
)
def test_other_schemes_and_hosts_are_refused_unasked(address: str, reason: str, target: Path) -> None:
    policy = DownloadPolicy(hosts=frozenset({"good.example"}))
    assert policy.refusal("https://good.example/x") is None
    with pytest.raises(DownloadFailed, match=reason):
        download(address, target, policy, fault_of=fault_of)
    assert not target.parent.exists()


def test_server_errors_and_silence_are_told(server: Server, target: Path) -> None:
    server.offer.status = 404
    with pytest.raises(DownloadFailed, match="404"):
        download(server.address, target, LOCAL, fault_of=fault_of)
    nobody = "http://127.0.0.1:9/model.pt"
    with pytest.raises(DownloadFailed):
        download(nobody, target, LOCAL, fault_of=fault_of)


def test_one_process_at_a_time(server: Server, target: Path) -> None:
    target.parent.mkdir()
    with (
        FileLock(target.with_name("model.pt.lock")),
        pytest.raises(DownloadFailed, match="another process"),
    ):
        download(server.address, target, LOCAL, fault_of=fault_of)
    assert server.offer.ranges == []


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable) as caught:
        download(server.address, tmp_path / "file" / "model.pt", LOCAL, fault_of=fault_of)
    assert caught.value.path == tmp_path / "file" / "model.pt"


def test_too_little_space_is_told_before_the_first_byte(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputUnwritable, match="are needed"):
        download(server.address, target, LOCAL, fault_of=fault_of)
    assert not target.exists()
