# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file in which the token broker keeps the tokens of one registry, and its ledger: the times of the issues.

This module util is private to the collection.

One JSON file (0600, in a directory of 0700) for each endpoint, access key, region and registry; its name is a hash of
the four, and it holds that hash too, so that a file under a wrong name is not taken for another account's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import (
    locked,
    private_directory,
    read_bytes,
    set_aside,
    write_private,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account

_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class KeptToken:
    """A token in the cache; its expiry is always known.

    renewed_at: when a rotation had this one issued that has not handed it over yet. replaced_at: when a rotation put
    another one in its place; it is there only until it is released.
    """

    authorization_token: Secret
    password: Secret
    expires_at: datetime.datetime
    renewed_at: datetime.datetime | None = None
    replaced_at: datetime.datetime | None = None


@dataclasses.dataclass
class CacheState:
    """The content of one cache file."""

    tokens: list[KeptToken] = dataclasses.field(default_factory=list)
    issues: list[datetime.datetime] = dataclasses.field(default_factory=list)


class TokenCache:
    """The cache file of one registry in one account and region. Making the object touches no file.

    Every method raises FileError, with a cure that names the option, when directory or file are not to be trusted or
    cannot be used. A file that cannot be understood is no error: it counts as empty.
    """

    def __init__(self, directory: str, account: Account, registry: str) -> None:
        parts = (account.endpoint, account.credential.access_key, account.region, registry)
        self._key = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
        self._directory = directory
        self._path = os.path.join(directory, f"{self._key}.json")

    @contextlib.contextmanager
    def locked(self, clock: Clock, wait: float) -> t.Iterator[None]:
        """Be the only one who works on this registry; waits for that at most wait seconds. Makes the directory."""
        with contextlib.ExitStack() as held:
            with _naming_the_option():
                private_directory(self._directory)
                held.enter_context(locked(self._path, clock=clock, wait=wait))
            yield

    def read(self) -> CacheState:
        """What the file holds; nothing is written, and no lock is needed."""
        return self._read()[0]

    def read_or_repair(self) -> tuple[CacheState, str | None]:
        """As read(), but a broken file is renamed; the second value then tells the user so. Only under the lock."""
        state, is_broken = self._read()
        if not is_broken:
            return state, None
        with _naming_the_option():
            return state, f"The token cache file '{self._path}' was broken: renamed to '{set_aside(self._path)}'."

    def write(self, state: CacheState) -> None:
        """Replace the file, durably. Only under the lock."""
        with _naming_the_option():
            write_private(self._path, _encode(state, self._key))

    def _read(self) -> tuple[CacheState, bool]:
        with _naming_the_option():
            private_directory(self._directory, create=False)
            content = read_bytes(self._path)
        if content is None:
            return CacheState(), False
        try:
            return _decode(content, self._key), False
        except (ValueError, KeyError, TypeError, RecursionError):
            return CacheState(), True


def _encode(state: CacheState, key: str) -> bytes:
    content = {
        "format": _FORMAT,
        "key": key,
        "tokens": [_encode_token(kept) for kept in state.tokens],
        "issues": [issue.isoformat() for issue in state.issues],
    }
    return json.dumps(content, indent=1).encode("ascii")


def _encode_token(kept: KeptToken) -> dict[str, t.Any]:
    entry: dict[str, t.Any] = {
        "authorization_token": kept.authorization_token.reveal(),
        "password": kept.password.reveal(),
        "expires_at": kept.expires_at.isoformat(),
    }
    for name, moment in (("renewed_at", kept.renewed_at), ("replaced_at", kept.replaced_at)):
        if moment is not None:
            entry[name] = moment.isoformat()
    return entry


def _decode(content: bytes, key: str) -> CacheState:
    """Raises ValueError, KeyError or TypeError for anything that _encode() did not write for this key."""
    data = json.loads(content)
    if data["format"] != _FORMAT or data["key"] != key:
        raise ValueError("another format, or the cache of another account or registry")
    return CacheState([_decode_token(entry) for entry in data["tokens"]], [_aware(issue) for issue in data["issues"]])


def _decode_token(entry: t.Mapping[str, t.Any]) -> KeptToken:
    return KeptToken(
        Secret(entry["authorization_token"]),
        Secret(entry["password"]),
        _aware(entry["expires_at"]),
        *(_aware(entry[name]) if name in entry else None for name in ("renewed_at", "replaced_at")),
    )


def _aware(text: str) -> datetime.datetime:
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


@contextlib.contextmanager
def _naming_the_option() -> t.Iterator[None]:
    try:
        yield
    except FileError as error:
        error.cure = f"{error.cure} The token cache is named by JCR_TOKEN_CACHE or by the task's cache option.".lstrip()
        raise
