# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the virtual screen: starts Blender and passes on what it is told, a line of JSON each.

Arguments: the extension's zip, or nothing for a Blender as it comes; a folder; the engine's command as JSON.
`windowed_blender.py` is the other side.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("driver.py")
ANSWER_SECONDS = 120.0

TURNS = 3
"""Of Blender's loop. What the pointer does may come late in the first; a question comes before the events of
its turn, so what they lead to is done and drawn when that of the third is answered."""


class Blender:
    def __init__(self, package: str, folder: Path, engine: str) -> None:
        self.mail = folder / "mail"
        self.mail.mkdir()
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "ROTOPOINT_ENGINE": engine,
        }
        if (home := folder / "home").is_dir():
            # What a person has there is what Blender's file browser offers.
            environment["HOME"] = str(home)
        install = [
            "blender",
            "--command",
            "extension",
            "install-file",
            "-r",
            "user_default",
            "--enable",
            package,
        ]
        if package:
            subprocess.run(install, env=environment, stdout=sys.stderr, check=True)
        width, height, _ = os.environ["SCREEN"].split("x")
        start = ["blender", "--window-geometry", "0", "0", width, height, "--python", str(DRIVER)]
        self.process = subprocess.Popen(
            [*start, "--", str(self.mail)], env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL
        )

    def ask(self, code: str) -> dict[str, Any]:
        answer = self.mail / "answer.json"
        answer.unlink(missing_ok=True)
        draft = self.mail / "draft"
        draft.write_text(code, encoding="utf-8")
        draft.replace(self.mail / "question.py")
        deadline = time.monotonic() + ANSWER_SECONDS
        while not answer.exists():
            if self.process.poll() is not None:
                return {"error": f"Blender ended with status {self.process.returncode}"}
            if time.monotonic() > deadline:
                return {"error": "Blender does not answer"}
            time.sleep(0.005)
        return json.loads(answer.read_text(encoding="utf-8"))

    def take_in(self) -> None:
        """Wait until it has had its turns. One that has ended by what was pressed has had them."""
        for _ in range(TURNS):
            if "error" in self.ask("answer = None"):
                return


def done(*command: str) -> dict[str, Any]:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"answer": None} if result.returncode == 0 else {"error": result.stderr}


def main() -> None:
    package, folder, engine = sys.argv[1:]
    blender = Blender(package, Path(folder), engine)
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "ask":
            said = blender.ask(command["code"])
        elif command["do"] == "xdotool":
            said = done("xdotool", *command["words"])
            blender.take_in()
        else:
            said = done("import", "-window", "root", command["path"])
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
    blender.process.kill()
    blender.process.wait()


if __name__ == "__main__":
    main()
