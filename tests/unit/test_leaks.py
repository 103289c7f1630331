# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scanner for secrets finds what is planted, and nothing else."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from tests.support.leaks import Leak, ProcessSampler, Scanner

SECRET = 'k/9+Zq"Wx7%aé~\\Tn3=Lm5&vB'
SCANNER = Scanner({"the key": SECRET})


def planted() -> dict[str, str | bytes]:
    """A text for each way in which a secret may hide."""
    raw = SECRET.encode()
    texts: dict[str, str | bytes] = {
        "raw": f"key: {SECRET}!",
        "reversed": b"key: " + raw[::-1],
        "hex": f"0x{raw.hex()}",
        "hex in capitals": raw.hex().upper(),
        "quoted": f"http://host/?key={urllib.parse.quote(SECRET, safe='')}",
        "JSON": json.dumps({"key": SECRET}),
        "JSON with letters": json.dumps({"key": SECRET}, ensure_ascii=False),
        "JSON in JSON": json.dumps({"stdout": json.dumps({"key": SECRET})}),
        "docker's login": base64.b64encode(b"jdcloud:" + raw),
        "base64 in JSON in base64": base64.b64encode(json.dumps({"key": "x"}).encode() + raw),
        "a long line": "x" * 100_000 + SECRET + "x" * 100_000,
        "among bytes": b"\xff\xfe\x00" + raw + b"\x00",
    }
    for before in range(6):
        for after in range(3):
            around = b"a" * before + raw + b"z" * after
            texts[f"base64 {before} {after}"] = base64.b64encode(around)
            texts[f"URL-safe base64 {before} {after}"] = base64.urlsafe_b64encode(around)
    return texts


@pytest.mark.parametrize("way", planted())
def test_planted_secret_is_found(way: str) -> None:
    leaks = SCANNER.scan(planted()[way], way)
    assert leaks
    assert {(leak.where, leak.secret) for leak in leaks} == {(way, "the key")}
    assert SECRET not in str(leaks)


def test_innocent_texts_are_not_leaks() -> None:
    others = [SECRET[:-1], SECRET[1:], SECRET.upper(), "********", base64.b64encode(SECRET[2:-2].encode()), ""]
    assert [leak for text in others for leak in SCANNER.scan(text, "here")] == []


def test_each_secret_is_told_by_its_name() -> None:
    scanner = Scanner({"first": "first-secret-1", "second": "second-secret-2"})
    leaks = scanner.scan("second-secret-2 and first-secret-1", "log")
    assert leaks == [Leak("log", "first", "raw"), Leak("log", "second", "raw")]


def test_tree(tmp_path: Path) -> None:
    for name in ("log", "deep/er/file", "cache/entry", "config.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"a {SECRET} z")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    (tmp_path / SECRET.encode().hex()).mkdir()
    leaks = SCANNER.scan_tree(tmp_path, [tmp_path / "cache", tmp_path / "config.json"])
    places = {leak.where for leak in leaks}
    assert places == {
        str(tmp_path / "log"),
        str(tmp_path / "deep/er/file"),
        f"name of {tmp_path}/{SECRET.encode().hex()}",
    }


@pytest.mark.parametrize("place", ["command line", "environment"])
def test_processes(place: str) -> None:
    """A grandchild of this process that has a secret on its command line or in its environment."""
    secret = "planted-secret-of-a-process"
    sleeper = [sys.executable, "-c", "import sys; sys.stdin.read()", secret if place == "command line" else "nothing"]
    variables = {**os.environ, **({"KEY": secret} if place == "environment" else {})}
    scanner = Scanner({"the key": secret})
    with ProcessSampler(os.getpid()) as sampler:
        with subprocess.Popen(
            ["sh", "-c", '"$@"; true', "sh", *sleeper], stdin=subprocess.PIPE, env=variables
        ) as child:
            sampler.wait_for_rounds(1)
            while not any(b"sys.stdin.read" in line for line in sampler.command_lines):
                sampler.wait_for_rounds(1)
            sampler.wait_for_rounds(1)
            child.communicate()
    leaks = sampler.leaks(scanner, scanner)
    assert {leak.where.partition(" of ")[0] for leak in leaks} == {place}
    assert sampler.leaks(Scanner({"another": "never-seen-anywhere"}), Scanner({"another": "never-seen-anywhere"})) == []


def test_environments_of_others_are_not_read() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        with ProcessSampler(child.pid) as sampler:
            sampler.wait_for_rounds(1)
        child.communicate(b"\n")
    assert all(b"input()" in line for line in sampler.environments)
    assert len(sampler.command_lines) > 1
