# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks for secrets where none may be: in outputs, files, and command lines and environments of processes.

It has its own idea of the spellings of a secret: what the plugins mask is not taken from here, nor the other way round.
"""

from __future__ import annotations

import base64
import collections
import dataclasses
import json
import math
import os
import threading
import typing as t
import urllib.parse
from pathlib import Path

_PAUSE = 0.005  # seconds between two looks at the processes
_SHORTEST = 8  # characters; a shorter spelling would be found in innocent texts


@dataclasses.dataclass(frozen=True, order=True)
class Leak:
    """A secret that was found: where, which one, in which spelling. Never the secret itself."""

    where: str
    secret: str
    spelling: str


class Scanner:
    """Finds secrets, given by a name each, in any of their spellings."""

    def __init__(self, secrets: t.Mapping[str, str]) -> None:
        self._needles = [
            (needle, name, spelling) for name, value in secrets.items() for spelling, needle in spellings(value).items()
        ]

    def scan(self, data: str | bytes, where: str) -> list[Leak]:
        """The leaks in a text."""
        content = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
        lower = content.lower()
        return sorted(
            Leak(where, name, spelling)
            for needle, name, spelling in self._needles
            if needle in (lower if spelling == "hex" else content)
        )

    def scan_tree(self, directory: Path, excluded: t.Collection[Path] = ()) -> list[Leak]:
        """The leaks in all files below a directory, and in their names, but for those in excluded files and folders."""
        found = []
        for path in sorted(directory.rglob("*")):
            if any(path == place or place in path.parents for place in excluded):
                continue
            found += self.scan(str(path.relative_to(directory)), f"name of {path}")
            if path.is_file() and not path.is_symlink():
                found += self.scan(path.read_bytes(), str(path))
        return found


def spellings(secret: str) -> dict[str, bytes]:
    """Spelling to bytes: raw, base64 at its three alignments, URL-quoted, JSON-escaped, hexadecimal, reversed."""
    raw = secret.encode()
    found = {
        "raw": raw,
        "reversed": raw[::-1],
        "hex": raw.hex().encode(),
        "URL-quoted": urllib.parse.quote(secret, safe="").encode(),
        "JSON-escaped": json.dumps(secret)[1:-1].encode(),
        "JSON-escaped with its letters": json.dumps(secret, ensure_ascii=False)[1:-1].encode(),
        "JSON in JSON": json.dumps(json.dumps(secret))[3:-3].encode(),
    }
    for shift in range(3):
        part = _base64_at(raw, shift)
        found[f"base64 at {shift}"] = part
        found[f"URL-safe base64 at {shift}"] = part.replace(b"+", b"-").replace(b"/", b"_")
    names: dict[bytes, str] = {}
    for spelling, needle in found.items():
        names.setdefault(needle, spelling)  # plain letters are spelled the same in several ways
    return {spelling: needle for needle, spelling in names.items() if len(needle) >= _SHORTEST}


def _base64_at(raw: bytes, shift: int) -> bytes:
    """The digits that base64 makes of these bytes alone, when so many others stand before them."""
    encoded = base64.b64encode(b"\0" * shift + raw)
    return encoded[math.ceil(shift * 8 / 6) : (shift + len(raw)) * 8 // 6]


class ProcessSampler:
    """Watches which command lines and environments there are on the machine. Use it as a context manager.

    Environments are looked at of the descendants of a process only: others are not ours to read. With a C(heartbeat)
    file, it grows by one byte with each look, so that a process can wait until it has been seen.
    """

    def __init__(self, ancestor: int, heartbeat: Path | None = None) -> None:
        self._ancestor = ancestor
        self._heartbeat = heartbeat
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._turn = threading.Condition()
        self.rounds = 0
        self.command_lines: set[bytes] = set()
        self.environments: dict[bytes, set[bytes]] = collections.defaultdict(set)

    def __enter__(self) -> ProcessSampler:
        self._thread.start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._ended.set()
        self._thread.join()

    def wait_for_rounds(self, number: int) -> None:
        """Wait until so many more looks have begun and ended."""
        with self._turn:
            wanted = self.rounds + number + 1
            self._turn.wait_for(lambda: self.rounds >= wanted)

    def leaks(self, command_lines: Scanner, environments: Scanner) -> list[Leak]:
        """What was seen of the secrets."""
        found = []
        for line in self.command_lines:
            found += command_lines.scan(line, f"command line of {_program(line)}")
        for line, seen in self.environments.items():
            for environment in seen:
                found += environments.scan(environment, f"environment of {_program(line)}")
        return sorted(set(found))

    def _watch(self) -> None:
        while not self._ended.wait(_PAUSE):
            self._look()
            with self._turn:
                self.rounds += 1
                self._turn.notify_all()
            if self._heartbeat is not None:
                with self._heartbeat.open("ab") as file:
                    file.write(b".")

    def _look(self) -> None:
        parents = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            parents[int(pid)] = _parent(pid)
        for pid in parents:
            line = _read(pid, "cmdline")
            if line:
                self.command_lines.add(line)
                if self._descends(pid, parents):
                    self.environments[line].add(_read(pid, "environ"))

    def _descends(self, pid: int | None, parents: t.Mapping[int, int | None]) -> bool:
        while pid and pid != self._ancestor:
            pid = parents.get(pid)
        return pid == self._ancestor


def _parent(pid: str) -> int | None:
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else None


def _read(pid: str | int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _program(command_line: bytes) -> str:
    return command_line.split(b"\0")[0].decode("utf-8", "replace")
