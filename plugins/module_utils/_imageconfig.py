# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the config of an image tells: its platform, what its containers start with, and how it was built. Pure.

This module util is private to the collection.

A config is written by whoever built the image, so nothing is taken for granted: what is not as the OCI image
specification says is as good as absent, and never an error.
"""

from __future__ import annotations

import json
import typing as t

MAX_CONFIG = 4 * 1024 * 1024  # bytes; configs have a few thousand

Fetch = t.Callable[[str], bytes]


def read_config(fetch: Fetch, digest: str | None) -> dict[str, t.Any] | None:
    """The config of this digest as jcr_image_info returns it; None if there is none that can be understood.

    C(fetch) gives the bytes of a blob; what it raises goes through.
    """
    content = fetch(digest) if digest else b""
    try:
        document = json.loads(content) if 0 < len(content) <= MAX_CONFIG else None
    except (ValueError, RecursionError):
        document = None
    return _told(_Fields(document)) if isinstance(document, dict) else None


def _told(image: _Fields) -> dict[str, t.Any]:
    run = _Fields(image.get("config", dict))
    return {
        "created": image.get("created", str),
        "author": image.get("author", str),
        "platform": image.platform,
        "labels": run.texts_by_name("Labels"),
        "env": dict(entry.split("=", 1) for entry in run.texts("Env") if "=" in entry),
        "entrypoint": run.texts("Entrypoint"),
        "cmd": run.texts("Cmd"),
        "user": run.get("User", str),
        "working_dir": run.get("WorkingDir", str),
        "exposed_ports": sorted(run.get("ExposedPorts", dict) or {}),
        "volumes": sorted(run.get("Volumes", dict) or {}),
        "history": [_step(_Fields(step)) for step in image.get("history", list) or [] if isinstance(step, dict)],
    }


def _step(step: _Fields) -> dict[str, t.Any]:
    return {
        "created": step.get("created", str),
        "created_by": step.get("created_by", str),
        "comment": step.get("comment", str),
        "empty_layer": bool(step.get("empty_layer", bool)),
    }


class _Fields:
    """The fields of one object of the config; None where one is absent or of another type."""

    def __init__(self, raw: t.Any) -> None:
        self._raw = raw or {}

    def get(self, name: str, kind: type) -> t.Any:
        value = self._raw.get(name)
        return value if isinstance(value, kind) else None

    def texts(self, name: str) -> list[str]:
        return [value for value in self.get(name, list) or [] if isinstance(value, str)]

    def texts_by_name(self, name: str) -> dict[str, str]:
        return {key: value for key, value in (self.get(name, dict) or {}).items() if isinstance(value, str)}

    @property
    def platform(self) -> str | None:
        parts = [self.get(name, str) for name in ("os", "architecture", "variant")]
        return "/".join(filter(None, parts)) if all(parts[:2]) else None
