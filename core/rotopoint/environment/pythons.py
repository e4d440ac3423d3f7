# SPDX-License-Identifier: GPL-3.0-or-later
"""Interpreters that the engine's packages can be installed for: Blender's own, or one that is found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rotopoint.environment.processes import HIDDEN, scrubbed
from rotopoint.errors import PythonUnusable

VERSIONS = ((3, 13), (3, 12), (3, 11), (3, 14))
"""Those that every pinned package is built for; the best known first."""

ANSWER_SECONDS = 30.0

ISOLATED = ("-I", "-X", "utf8")
"""Options of an interpreter that shall see nothing of another one's."""

QUESTION = """
import importlib.util, json, sys, sysconfig
from pathlib import Path
folders = [sysconfig.get_config_var("WHEEL_PKG_DIR")]
found = importlib.util.find_spec("ensurepip")
if found is not None:
    folders.append(Path(found.origin).parent / "_bundled")
wheels = [str(w) for f in folders if f for w in sorted(Path(f).glob("pip-*.whl"))]
print(json.dumps({
    "executable": sys.executable,
    "version": sys.version_info[:2],
    "wide": sys.maxsize > 2**32,
    "pip": importlib.util.find_spec("pip") is not None,
    "wheels": wheels,
}))
"""
"""Blender's Python has no pip, but `ensurepip` brings one as a wheel; Debian keeps that elsewhere."""


@dataclass(frozen=True)
class Python:
    """`pip` are the arguments that make the interpreter run pip."""

    executable: str
    version: tuple[int, int]
    pip: tuple[str, ...]

    @property
    def label(self) -> str:
        return "{}.{}".format(*self.version)


def look_at(executable: str) -> Python:
    """What an interpreter says of itself. Raises PythonUnusable."""
    try:
        done = subprocess.run(
            [executable, *ISOLATED, "-c", QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=scrubbed(os.environ),
            timeout=ANSWER_SECONDS,
            creationflags=HIDDEN,
            check=False,
        )
        if done.returncode != 0:
            told = done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"]
            raise PythonUnusable(executable, f"it does not start ({told[-1]})")
        said = json.loads(done.stdout)
        version = (int(said["version"][0]), int(said["version"][1]))
        wide, pip, wheels = bool(said["wide"]), bool(said["pip"]), list(said["wheels"])
        found = str(said["executable"] or executable)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PythonUnusable(executable, f"it does not start ({error})") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise PythonUnusable(executable, "it is no Python 3") from error
    if version not in VERSIONS:
        raise PythonUnusable(executable, "it is Python {}.{}; 3.11 to 3.14 will do".format(*version))
    if not wide:
        raise PythonUnusable(executable, "it has 32 bits; 64 are needed")
    if pip:
        return Python(found, version, ("-m", "pip"))
    if wheels:
        # Python runs what lies in a zip.
        return Python(found, version, (f"{wheels[-1]}/pip",))
    raise PythonUnusable(executable, "it has neither pip nor ensurepip")


def usable_python(candidates: Iterable[str]) -> Python:
    """The first that can be used. Raises what the first said where none can."""
    fault: PythonUnusable | None = None
    for candidate in candidates:
        try:
            return look_at(candidate)
        except PythonUnusable as error:
            fault = fault or error
    raise fault or PythonUnusable("Python", "none is here; install 3.11 or newer from python.org")


def found_pythons() -> Iterator[str]:
    """Interpreters that lie on the path, by the names that systems give them."""
    names = ["python{}.{}".format(*version) for version in VERSIONS]
    for name in (*names, "python3", "python"):
        if (found := shutil.which(name)) is not None:
            yield found
