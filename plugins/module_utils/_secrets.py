# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets that cannot be printed by accident, and a redactor for texts that others wrote.

This module util is private to the collection.

Ansible masks the literal value of a secret only (measured on ansible-core 2.18 and 2.21): base64, URL-quoted and
JSON-escaped spellings of the same secret pass. forms() lists those spellings, so that they can be masked as well.
"""

from __future__ import annotations

import base64
import collections.abc
import hashlib
import hmac
import json
import typing as t
import urllib.parse

MASK = "********"
TOKEN_USER = "jdcloud"
_SHORTEST_FRAGMENT = 8  # a shorter piece of base64 would also mask innocent words


class Secret:
    """A text that shows itself only through reveal(): repr, str, format and tracebacks get the mask."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a Secret holds a text")
        self._value = value

    def reveal(self) -> str:
        """The text itself: for the one place that has to send or write it."""
        return self._value

    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256: tells two secrets apart without showing either."""
        return hashlib.sha256(_bytes(self._value)).hexdigest()[:16]

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._value), _bytes(other._value))

    def __hash__(self) -> int:
        return hash(self.fingerprint())

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: t.Any) -> Secret:
        return self

    def __reduce__(self) -> t.NoReturn:
        raise TypeError("a Secret cannot be pickled: it would be in clear in the pickle")


def forms(value: str) -> set[str]:
    """Every spelling under which value may turn up in a text; the empty text has none.

    Raw, URL-quoted, JSON-escaped, base64 (plain and URL-safe) alone, after C(jdcloud:) as in a login, and the part of
    its base64 that stays the same whatever stands before and after it.
    """
    if not value:
        return set()
    raw = _bytes(value)
    found = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    for plain in (raw, f"{TOKEN_USER}:".encode() + raw):
        found.update((base64.b64encode(plain).decode(), base64.urlsafe_b64encode(plain).decode()))
    found.update(quoted for form in tuple(found) for quoted in _url_quoted(form))
    for fragment in _base64_fragments(raw):
        found.update((fragment, fragment.replace("+", "-").replace("/", "_")))
    return found


class Redactor:
    """Replaces every form of the secrets it was told with the mask, in texts and in nested data."""

    def __init__(self, secrets: t.Iterable[Secret] = ()) -> None:
        self._forms: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: Secret) -> None:
        """Mask this secret from now on."""
        self._forms = sorted(forms(secret.reveal()).union(self._forms), key=len, reverse=True)

    @property
    def forms(self) -> frozenset[str]:
        """All texts that are masked: what a module has to register as no_log values."""
        return frozenset(self._forms)

    def scrub(self, data: t.Any) -> t.Any:
        """The same shape as data, with each form in its texts (keys too) replaced; a Secret becomes the mask."""
        if isinstance(data, Secret):
            return MASK
        if isinstance(data, str):
            return self._scrub_text(data)
        if isinstance(data, bytes):
            return _bytes(self._scrub_text(data.decode("utf-8", "surrogateescape")), "surrogateescape")
        if isinstance(data, collections.abc.Mapping):
            return {self.scrub(key): self.scrub(value) for key, value in data.items()}
        if isinstance(data, (list, tuple, set, frozenset)):
            kind = type(data) if type(data) in (list, tuple, set, frozenset) else list
            return kind(self.scrub(item) for item in data)
        return data

    def _scrub_text(self, text: str) -> str:
        for form in self._forms:  # the longest first: a shorter form may be part of a longer one
            text = text.replace(form, MASK)
        return text


def _url_quoted(text: str) -> t.Iterator[str]:
    """As a part of a query, of a path, and of a form."""
    yield urllib.parse.quote(text, safe="", errors="surrogatepass")
    yield urllib.parse.quote(text, safe="/", errors="surrogatepass")
    yield urllib.parse.quote_plus(text, errors="surrogatepass")


def _bytes(text: str, errors: str = "surrogatepass") -> bytes:
    return text.encode("utf-8", errors)


def _base64_fragments(raw: bytes) -> t.Iterator[str]:
    """What base64 makes of raw at each of the three alignments, without the digits that share bits with neighbours."""
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        fragment = encoded[shared:] if not encoded.endswith("=") else encoded[shared:].rstrip("=")[:-1]
        if len(fragment) >= _SHORTEST_FRAGMENT:
            yield fragment
