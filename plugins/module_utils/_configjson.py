# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text of a docker C(config.json): parsed so strictly that writing it back loses nothing. Pure.

This module util is private to the collection.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import math
import re
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

_REPAIR = "Correct the file by hand: it is not replaced, because it may hold other logins."


@dataclasses.dataclass(frozen=True)
class Login:
    """What is kept for a host; both are None for an entry without a password of its own."""

    username: str | None
    password: Secret | None


def dump(document: t.Mapping[str, t.Any]) -> bytes:
    """The text of a document, as docker writes it."""
    try:
        return json.dumps(document, indent="\t", ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:  # a lone surrogate: only its escape can stand in a file
        return json.dumps(document, indent="\t").encode("ascii")


def auths(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """The C(auths) of a parsed file, put in if there are none."""
    if document.get("auths") is None:
        document["auths"] = {}
    return document["auths"]


def keys_of(document: dict[str, t.Any], host: str) -> list[str]:
    """The keys of C(auths) that docker takes for this host: its name first, then as an address (C(https://HOST/v1/))."""
    keys = [key for key in auths(document) if re.sub("^https?://", "", key).split("/", 1)[0] == host]
    return sorted(keys, key=lambda key: key != host)


def decode_entry(entry: t.Mapping[str, t.Any]) -> Login:
    """The login of an entry of C(auths), as docker reads it. One that docker cannot use either has no password."""
    if entry.get("identitytoken") or entry.get("registrytoken"):
        return Login(None, None)
    if not entry.get("auth"):
        username, password = entry.get("username"), entry.get("password")
    else:
        try:
            decoded = base64.b64decode(entry["auth"], validate=True).decode("utf-8")
        except (binascii.Error, ValueError, TypeError):
            return Login(None, None)
        username, _colon, password = decoded.partition(":")
    if not isinstance(username, str) or not isinstance(password, str) or not password:
        return Login(None, None)
    return Login(username, Secret(password))


def parse(content: bytes) -> dict[str, t.Any]:
    """The document of a config.json. Raises FileError for what writing it back could lose or docker would refuse."""
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object_without_doubles,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        raise FileError(
            f"it is not valid JSON: {error.msg} in line {error.lineno}, column {error.colno}", cure=_REPAIR
        ) from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileError(f"it is not UTF-8 text: byte {error.start}, in line {line}", cure=_REPAIR) from error
    except ValueError as error:
        raise FileError(f"it is not valid JSON: {error}", cure=_REPAIR) from error
    except RecursionError as error:
        raise FileError("it is nested too deeply", cure=_REPAIR) from error
    _check_shape(document)
    return document


def _check_shape(document: t.Any) -> None:
    """Refuse a document in which the parts that we handle are not what docker has there; null is as good as absent."""
    if not isinstance(document, dict):
        raise FileError("it is not a JSON object", cure=_REPAIR)
    for name, kind in (("auths", dict), ("credHelpers", str)):
        part = document.get(name)
        if part is None:
            continue
        if not isinstance(part, dict) or not all(isinstance(value, kind) for value in part.values()):
            raise FileError(f"its '{name}' is not an object of {kind.__name__} values", cure=_REPAIR)
    if not isinstance(document.get("credsStore"), (str, type(None))):
        raise FileError("its 'credsStore' is not a text", cure=_REPAIR)


def _object_without_doubles(pairs: list[tuple[str, t.Any]]) -> dict[str, t.Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse_number(text: str) -> t.NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
