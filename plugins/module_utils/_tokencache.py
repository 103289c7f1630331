# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file in which the token broker keeps what it knows of one registry: tokens, and its ledger of issues.

This module util is private to the collection.

One JSON file (0600, in a directory of 0700) for each endpoint, access key, region and registry; its name is a hash of
the four, and it holds that hash too, so that a file under a wrong name is not taken for another account's.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._files import read_bytes
from ansible_collections.jdcloud.jcr.plugins.module_utils._privatedirectory import (
    check_private_directory,
    private_directory,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._tokenstate import CacheState, KeptToken, Request

if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
    from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import Account

_FORMAT = 1


def cache_dir(option: str | None, environ: t.Mapping[str, str], home: str) -> str:
    """Where tokens are kept: option C(cache), JCR_TOKEN_CACHE, or C(jdcloud-jcr) in the user's cache directory (XDG).

    Raises FileError for the home itself: it would be closed to others, and the caches lie among everything else.
    """
    chosen = option or environ.get("JCR_TOKEN_CACHE")
    if not chosen:
        base = environ.get("XDG_CACHE_HOME", "")
        return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".cache"), "jdcloud-jcr")
    path = os.path.join(home, chosen[2:]) if chosen == "~" or chosen.startswith("~/") else chosen
    if os.path.realpath(path) == os.path.realpath(home):
        with _naming_the_option():
            cure = "Name a directory of their own, ~/.cache/jdcloud-jcr for example."
            raise FileError("it is the home directory", act="keep tokens in", obj=f"'{chosen}'", cure=cure)
    return path


class TokenCache:
    """The cache file of one registry in one account and region. Making the object touches no file.

    Most tasks read it only: what locks and writes is imported where it is used.

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
        from ansible_collections.jdcloud.jcr.plugins.module_utils._filelock import locked

        with contextlib.ExitStack() as held:
            with _naming_the_option():
                private_directory(self._directory)
                held.enter_context(locked(self._path, clock=clock, wait=wait))
            yield

    def check_writable(self) -> None:
        """Raise the FileError of locked() and write(), as far as it can be foreseen without writing."""
        with _naming_the_option():
            check_private_directory(self._directory)

    def read(self) -> tuple[CacheState, str | None]:
        """What the file holds, and what the user should be told of it; nothing is written, and no lock is needed."""
        state, is_broken = self._read()
        if not is_broken:
            return state, None
        cause = f"The token cache file '{self._path}' is broken"
        return state, f"{cause}: it counts as empty, and will be renamed when a token is got."

    def read_or_repair(self) -> tuple[CacheState, str | None]:
        """As read(), but a broken file is renamed. Only under the lock."""
        state, is_broken = self._read()
        if not is_broken:
            return state, None
        from ansible_collections.jdcloud.jcr.plugins.module_utils._filewriting import set_aside

        with _naming_the_option():
            return state, f"The token cache file '{self._path}' was broken: renamed to '{set_aside(self._path)}'."

    def write(self, state: CacheState) -> None:
        """Replace the file, durably. Only under the lock."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._filewriting import write_private

        with _naming_the_option():
            write_private(self._path, _encode(state, self._key))

    def _read(self) -> tuple[CacheState, bool]:
        with _naming_the_option():
            private_directory(self._directory, create=False)
            content = read_bytes(self._path, own=True)
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
        "unanswered": [_encode_request(request) for request in state.unanswered],
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
    if kept.found:
        entry["found"] = True
    return entry


def _encode_request(request: Request) -> dict[str, t.Any]:
    listed = sorted(request.listed)
    return {
        "asked_at": request.asked_at.isoformat(),
        "hours": request.hours,
        "rotates": request.rotates,
        "listed": listed,
    }


def _decode(content: bytes, key: str) -> CacheState:
    """Raises ValueError, KeyError or TypeError for anything that _encode() did not write for this key."""
    data = json.loads(content)
    if data["format"] != _FORMAT or data["key"] != key:
        raise ValueError("another format, or the cache of another account or registry")
    return CacheState(
        tuple(map(_decode_token, data["tokens"])),
        tuple(map(_aware, data["issues"])),
        tuple(map(_decode_request, data["unanswered"])),
    )


def _decode_token(entry: t.Mapping[str, t.Any]) -> KeptToken:
    return KeptToken(
        Secret(entry["authorization_token"]),
        Secret(entry["password"]),
        _aware(entry["expires_at"]),
        *(_aware(entry[name]) if name in entry else None for name in ("renewed_at", "replaced_at")),
        found=bool(entry.get("found", False)),
    )


def _decode_request(entry: t.Mapping[str, t.Any]) -> Request:
    return Request(_aware(entry["asked_at"]), int(entry["hours"]), bool(entry["rotates"]), frozenset(entry["listed"]))


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
