# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The access key of the one account that the emulator serves."""

from __future__ import annotations

import secrets

from tests.emulator.database import Database


class Credentials:
    """One pair of keys, kept in the database so that a restart knows it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pair: tuple[str, str] | None = None  # asked for with every request
        database.execute_script("CREATE TABLE IF NOT EXISTS credential (access_key TEXT, secret_key TEXT)")

    def pair(self) -> tuple[str, str]:
        """Access key and secret key; made up the first time they are asked for."""
        if self._pair is None:
            self._pair = self._stored()
        return self._pair

    def _stored(self) -> tuple[str, str]:
        with self._database.transaction() as connection:
            row = connection.execute("SELECT access_key, secret_key FROM credential").fetchone()
            if row:
                return row["access_key"], row["secret_key"]
            made_up = secrets.token_hex(16).upper(), secrets.token_hex(16).upper()
            self.replace(*made_up)
            return made_up

    def replace(self, access_key: str, secret_key: str) -> None:
        """Accept this pair from now on, and no other."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM credential")
            connection.execute("INSERT INTO credential VALUES (?, ?)", (access_key, secret_key))
        self._pair = access_key, secret_key

    def secret_of(self, access_key: str) -> str | None:
        """The secret key that belongs to an access key, None for a foreign one."""
        known, secret = self.pair()
        return secret if access_key == known else None
