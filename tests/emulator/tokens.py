# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a token looks like: base64 of ``jdcloud:`` and a password of 16 letters and digits."""

from __future__ import annotations

import base64
import binascii
import secrets
import string
from datetime import datetime, timedelta, timezone

USER = "jdcloud"
PASSWORD_LENGTH = 16
_ALPHABET = string.ascii_letters + string.digits
_BEIJING = timezone(timedelta(hours=8))


def new_password() -> str:
    """A password that nobody can guess."""
    return "".join(secrets.choice(_ALPHABET) for _position in range(PASSWORD_LENGTH))


def encode(password: str) -> str:
    """The authorizationToken of a password; it is also the id of the token."""
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def decode(token: str) -> str | None:
    """The password inside an authorizationToken, None if it is not one."""
    try:
        user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return password if user == USER and colon else None


def login_command(password: str, registry_uri: str) -> str:
    """What loginCmdLine holds."""
    return f"docker login -u {USER} -p {password} {registry_uri}"


def write_time(moment: datetime, form: str) -> str:
    """A time as the switches time_format and expires_format want it: rfc3339, local, epoch or epoch_ms."""
    if form == "epoch":
        return str(int(moment.timestamp()))
    if form == "epoch_ms":
        return str(int(moment.timestamp() * 1000))
    if form == "local":
        return moment.astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
