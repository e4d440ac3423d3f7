# SPDX-License-Identifier: GPL-3.0-or-later
"""How the command line ends where streams, memory or imports fail: one line, never a traceback."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rotopoint.cli import ending, main
from rotopoint.cores import most_threads

CORE = Path(__file__).parents[3] / "core"

posix = pytest.mark.skipif(os.name == "nt", reason="descriptors, /dev/full and limits of POSIX")


def command(*arguments: object, before: str = "") -> list[str]:
    """The command line in a process of its own, after a line of Python."""
    script = f"import sys\n{before}\nfrom rotopoint.cli import main\nsys.exit(main(sys.argv[1:]))"
    return [sys.executable, "-c", script, *map(str, arguments)]


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(CORE), "ROTOPOINT_CACHE": str(tmp_path / "cache")}


def ended(tmp_path: Path, words: list[str], **streams: object) -> tuple[int, list[str]]:
    """Exit code, and the lines on standard error."""
    done = subprocess.run(
        words, stderr=subprocess.PIPE, env=environment(tmp_path), timeout=120, check=False, **streams
    )  # type: ignore[call-overload]
    return done.returncode, done.stderr.decode().splitlines()


@posix
@pytest.mark.parametrize("arguments", [("store", "show"), ("checkpoints", "list")], ids=str)
def test_standard_output_that_is_full(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        code, lines = ended(tmp_path, command(*arguments), stdout=full)
    assert (code, lines) == (1, ["rotopoint: cannot write to standard output: no space left on device"])


@posix
def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert ended(tmp_path, command("checkpoints", "list"), stdout=writing) == (1, [])
    finally:
        os.close(writing)


@posix
def test_standard_output_that_is_closed(tmp_path: Path) -> None:
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *command("store", "show")]
    assert ended(tmp_path, words) == (1, ["rotopoint: cannot write to standard output: it is closed"])


@posix
def test_events_that_nobody_reads(tmp_path: Path) -> None:
    """The stream of `track --json` and `deliver --json`, without a track."""
    before = (
        "from rotopoint.cli import commands, streams\n"
        "def deliver(arguments):\n"
        "    with streams.bytes_out() as out:\n"
        "        print('a library')\n"
        "        out.write(b'{}')\n"
        "commands.COMMANDS['doctor'] = deliver\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert ended(tmp_path, command("doctor", before=before), stdout=writing) == (1, ["a library"])
    finally:
        os.close(writing)
    with Path("/dev/full").open("wb") as full:
        code, lines = ended(tmp_path, command("doctor", before=before), stdout=full)
    assert code == 1 and lines[-1] == "rotopoint: cannot write to standard output: no space left on device"
    assert len(lines) == 2


INTERRUPTED = """
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("module", ["rotopoint.cli.ending", "numpy", "rotopoint.tracking.engine"])
def test_an_interrupt_while_importing(tmp_path: Path, module: str) -> None:
    code, lines = ended(tmp_path, command("doctor", before=INTERRUPTED.format(module=module)))
    assert code == 130 and len(lines) == 1 and "cancelled" in lines[0]


REFUSES = {
    "memory": (MemoryError(), "MemoryError"),
    "a library": (ImportError("libtorch.so: failed to map segment from shared object"), "failed to map"),
    "torch": (
        RuntimeError("[enforce fail] alloc_cpu.cpp:117\n. DefaultCPUAllocator\n"),
        "117 . Def",
    ),
    "the system": (OSError(28, "No space left on device", "store/a.track"), "store/a.track: no space left"),
    "a name": (ValueError("embedded null byte"), "embedded null byte"),
}


@pytest.mark.parametrize(("error", "said"), REFUSES.values(), ids=REFUSES)
def test_whatever_goes_wrong_is_one_line(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def doctor(_: object) -> None:
        raise error

    monkeypatch.setattr("rotopoint.cli.commands.COMMANDS", {"doctor": doctor})
    assert main(["doctor"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rotopoint: ") and said in line


def test_the_traceback_is_there_for_who_asks(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def doctor(_: object) -> None:
        raise ValueError

    monkeypatch.setattr("rotopoint.cli.commands.COMMANDS", {"doctor": doctor})
    monkeypatch.setenv(ending.DEBUG_VARIABLE, "1")
    log = logging.getLogger("rotopoint")
    before = log.level
    try:
        assert main(["doctor"]) == 1
    finally:
        log.setLevel(before)
    assert "Traceback" in caplog.text


@posix
@pytest.mark.parametrize("megabytes", [150, 400, 1000])
def test_memory_that_is_limited(tmp_path: Path, megabytes: int) -> None:
    """Whatever can be had with so little: a code and at most one line of ours, and no traceback."""
    before = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20}, {megabytes << 20}))"
    )
    code, lines = ended(tmp_path, command("doctor", before=before), stdout=subprocess.DEVNULL)
    if code < 0:
        pytest.skip(f"a library has ended the process by signal {-code}")
    assert code in (0, 1)
    assert not any("Traceback" in line for line in lines), lines
    assert sum(line.startswith("rotopoint: ") for line in lines) == code


@pytest.mark.parametrize("threads", ["-1", "0", "100000", "9" * 5000, "x", str(most_threads() + 1)])
def test_threads_that_no_processor_runs(threads: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", "clip", "-o", "out", f"--threads={threads}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--threads" in line and f"1 to {most_threads()}" in line


LONG = "x" * 5000
SHOTS = {
    "many digits": '{"version": ' + "9" * 5000 + "}",
    "deep": "[" * 100_000 + "]" * 100_000,
    "deep values": '{"version": 2, "clip": {"path": "a"}, "settings": {"format": '
    + "[" * 900
    + "]" * 900
    + "}}",
    "deep values of all": '{"version": 2, "clip": {"path": "a"}, "subjects": [{"id": "1", "name": "a"}], '
    + '"settings": {"edge": '
    + "[" * 900
    + "]" * 900
    + "}}",
    "a NUL": json.dumps({"version": 2, "clip": {"path": "a\0b"}}),
    "half a character": '{"version": 2, "clip": {"path": "\\ud800"}}',
    "bytes": "\0\0\0",
    "a long id": json.dumps({"version": 2, "clip": {"path": "a"}, "subjects": [{"id": LONG, "name": "a"}]}),
    "a large frame": json.dumps({"version": 2, "clip": {"path": "a", "frame_count": 10**300}}),
    "a large number": '{"version": 2, "clip": {"path": "a"}, "subjects": [{"id": "1", "name": "a", '
    '"prompts": [{"kind": "point", "frame": 1, "x": ' + "9" * 400 + ', "y": 1}]}]}',
}


@pytest.mark.parametrize("content", SHOTS.values(), ids=SHOTS)
def test_shots_that_are_none(tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    path.write_text(content, encoding="utf-8")
    assert main(["track", str(path), "-o", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line and len(line) < 600
    assert not (tmp_path / "out").exists()


WORDS = {
    "a long name": ("--subject", LONG, "--point", "1:1,1"),
    "a long frame": ("--subject", "a", "--point", f"{LONG.replace('x', '9')}:1,1"),
    "a long mask": ("--subject", "a", "--mask", f"1:{LONG}"),
    "a long range": ("--subject", "a", "--point", "1:1,1", "--range", LONG.replace("x", "9")),
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_words_that_are_too_long(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clip.png").write_bytes(b"")
    assert main(["track", str(tmp_path / "clip.png"), "-o", str(tmp_path / "out"), *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 600


@posix
def test_a_clip_with_a_name_that_no_file_can_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", LONG, "-o", str(tmp_path / "out"), "--subject", "a", "--point", "1:1,1"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert len(line) < 6000 and "name too long" in line.lower()
