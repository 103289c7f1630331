# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The token in the texts of a spreadsheet, as the console's download has them. Pure.

This module util is private to the collection.

The vendor publishes no layout of that file. So nothing is read by its place: a token is known by what it is, the base64
of C(jdcloud:PASSWORD), alone or within a C(docker login) command; a registry by its host. Whose token it really is, the
service's own listing tells.
"""

from __future__ import annotations

import base64
import dataclasses
import re
import shlex
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError, ProtocolError
from ansible_collections.jdcloud.jcr.plugins.module_utils._models import token_password
from ansible_collections.jdcloud.jcr.plugins.module_utils._registryhost import split_registry_host
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import TOKEN_USER, Secret

_CURE = "Name the file that the console offers with a new token (REGISTRY-token.xlsx), or one that dest wrote."
_TOKEN = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")  # it holds 16 characters, so that it has 32 itself
_COMMAND = re.compile(r"docker\s+login\b")
_BETWEEN_HOSTS = re.compile(r"[\s/,;]+")


@dataclasses.dataclass(frozen=True)
class FoundToken:
    """The one token of a file, and the registry hosts that the file names, ports included."""

    authorization_token: Secret
    password: Secret
    hosts: frozenset[str]


def find_token(texts: t.Iterable[str]) -> FoundToken:
    """Raises FileError, without a value of the file in it, when there is no token or more than one."""
    tokens: set[str] = set()
    hosts: set[str] = set()
    for text in (text for text in texts if not text.startswith("=")):  # a formula is nobody's token
        hosts.update(host for host in _BETWEEN_HOSTS.split(text) if split_registry_host(host))
        tokens.update(word for word in _TOKEN.findall(text) if _is_token(word))
        if _COMMAND.search(text):
            password, host = _login(text)
            tokens.add(base64.b64encode(f"{TOKEN_USER}:{password}".encode()).decode("ascii"))
            hosts.add(host)
    if len(tokens) != 1:
        cause = f"it holds {len(tokens)} different tokens" if tokens else "it holds no token of the service"
        raise FileError(cause, cure=_CURE)
    token = tokens.pop()
    return FoundToken(Secret(token), Secret(token_password(token)), frozenset(hosts))


def _is_token(word: str) -> bool:
    try:
        return bool(token_password(word))
    except ProtocolError:
        return False


def _login(command: str) -> tuple[str, str]:
    """Password and host of C(docker login -u jdcloud -p PASSWORD HOST)."""
    broken = FileError("it holds a docker login command that is not one of the service", cure=_CURE)
    try:
        words = shlex.split(command[_COMMAND.search(command).end() :])
    except ValueError:
        raise broken from None
    options = dict(zip(words[0:4:2], words[1:4:2]))
    names = {"-u": "user", "--username": "user", "-p": "password", "--password": "password"}
    given = {names.get(option, option): value for option, value in options.items()}
    if len(words) != 5 or given.keys() != {"user", "password"} or given["user"] != TOKEN_USER:
        raise broken
    password, host = given["password"], words[4]
    if not re.fullmatch(r"[!-~]+", password) or not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host):
        raise broken
    return password, host
