# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints for Blender: which are here, downloads that say how far they are, paused and resumed."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rotopoint.checkpoints import Checkpoint, fetching, registered, registry
from rotopoint.checkpoints.downloads import CHUNK
from rotopoint.checkpoints.fetching import fetch, here
from rotopoint.errors import Cancelled, DownloadFailed
from tests.core.checkpoints.test_downloads import CONTENT, LOCAL, Server, server

__all__ = ["server"]


@pytest.fixture
def offered(server: Server, monkeypatch: pytest.MonkeyPatch) -> Checkpoint:
    """Tiny, of the server's content."""
    import hashlib

    tiny = dataclasses.replace(
        registered("tiny"),
        address=server.address,
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setattr(fetching, "registered", lambda name: tiny)
    monkeypatch.setattr(fetching, "TELL_SECONDS", -1.0)
    return tiny


def test_a_download_says_how_far_it_is(offered: Checkpoint, tmp_path: Path) -> None:
    said: list[dict[str, Any]] = []
    path = fetch("tiny", said.append, tmp_path, LOCAL)
    assert path.read_bytes() == CONTENT and "tiny" in here(tmp_path)
    assert [line["done"] for line in said] == [0, CHUNK, 2 * CHUNK, len(CONTENT)]
    assert {line["total"] for line in said} == {len(CONTENT)}


def test_what_came_before_a_pause_is_not_asked_for_again(
    offered: Checkpoint, server: Server, tmp_path: Path
) -> None:
    said: list[dict[str, Any]] = []
    with pytest.raises(Cancelled):
        fetch("tiny", said.append, tmp_path, LOCAL, lambda: said[-1]["done"] >= CHUNK)
    assert "tiny" not in here(tmp_path), "half of it counts as none"
    fetch("tiny", said.append, tmp_path, LOCAL)
    assert server.offer.ranges == [None, f"bytes={CHUNK}-"]


def test_wrong_content_is_not_kept(offered: Checkpoint, server: Server, tmp_path: Path) -> None:
    server.offer.content = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadFailed, match="SHA-256"):
        fetch("tiny", lambda said: None, tmp_path, LOCAL)
    assert "tiny" not in here(tmp_path)


def asked(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """What the process that Blender starts says last."""
    done = subprocess.run(
        [sys.executable, "-m", "rotopoint.checkpoints.fetching", *words],
        env=os.environ | {"ROTOPOINT_CHECKPOINTS": str(folder)},
        stdin=None,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def test_the_process_tells_what_is_here_and_what_is_whole(tmp_path: Path) -> None:
    assert asked(tmp_path, "look")[1]["here"] == ["draft"]
    assert asked(tmp_path, "verify", "draft")[0] == 0
    (tmp_path / registered("tiny").file).write_bytes(b"not all of it")
    status, answer = asked(tmp_path, "verify", "tiny")
    assert status == 1 and "13 bytes instead of" in answer["fault"]
    status, answer = asked(tmp_path, "get", "huge")
    assert status == 1 and "unknown checkpoint huge" in answer["fault"]


def test_what_fits_a_gpu_is_known_where_memory_was_measured() -> None:
    by_name = {checkpoint.name: checkpoint for checkpoint in registry()}
    assert by_name["tiny"].fits(4 << 30) is True
    assert by_name["large"].fits(4 << 30) is False
    assert by_name["small"].fits(4 << 30) is None
    assert by_name["large"].fits(0) is None, "without a GPU nothing is said"
