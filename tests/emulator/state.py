# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registries, repositories and tokens: the facts that the control plane writes and the data plane reads.

State knows no rule of the API about names or errors; it answers None or a count, and the operations judge.
"""

from __future__ import annotations

import dataclasses
import re
import sqlite3
import typing as t
from datetime import UTC, datetime, timedelta

from tests.emulator import tokens
from tests.emulator.clock import Clock
from tests.emulator.database import Database
from tests.emulator.ports import HOST, Ports
from tests.emulator.settings import Settings

# Numbers are never used again (AUTOINCREMENT): the data plane keeps images by the number of their repository.
_TABLES = """
CREATE TABLE IF NOT EXISTS registry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, region TEXT NOT NULL,
    description TEXT NOT NULL, port INTEGER UNIQUE, created_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS repository (
    id INTEGER PRIMARY KEY AUTOINCREMENT, registry_id INTEGER NOT NULL REFERENCES registry ON DELETE CASCADE,
    name TEXT NOT NULL, description TEXT NOT NULL, created_at REAL NOT NULL, updated_at REAL,
    UNIQUE (registry_id, name));
CREATE TABLE IF NOT EXISTS token (
    id INTEGER PRIMARY KEY AUTOINCREMENT, registry_id INTEGER NOT NULL REFERENCES registry ON DELETE CASCADE,
    password TEXT NOT NULL UNIQUE, issued_at REAL NOT NULL, expires_at REAL NOT NULL, released_at REAL);
CREATE INDEX IF NOT EXISTS token_by_registry ON token (registry_id, issued_at);
"""
_HOST = re.compile(r"(?P<label>[a-z0-9-]+)\.jcr\.service\.jdcloud\.com(:[0-9]+)?")
_HOUR = timedelta(hours=1)
_NUMBERS_AT_ONCE = 500  # in one statement; sqlite takes 999 everywhere


@dataclasses.dataclass(frozen=True)
class Registry:
    """A registry; uri is its registryUri, port its own port (None when the Host header tells it)."""

    id: int
    name: str
    region: str
    uri: str
    description: str
    port: int | None
    created_at: datetime


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository of a registry; updated_at is None until something is pushed to it."""

    id: int
    registry_id: int
    name: str
    description: str
    created_at: datetime
    updated_at: datetime | None


@dataclasses.dataclass(frozen=True)
class Token:
    """A token that was issued; released_at is None until it is released."""

    registry_id: int
    password: str
    issued_at: datetime
    expires_at: datetime
    released_at: datetime | None


class State:
    """All registries, repositories and tokens of the account."""

    def __init__(self, database: Database, clock: Clock, settings: Settings, ports: Ports) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._ports = ports
        # The latest listing of repositories: whose and when, and the numbers of the repositories in it.
        self._listed: tuple[tuple[tuple[int, ...], str, int], list[int]] | None = None
        database.execute_script(_TABLES)

    # Registries

    def registries(self, region: str | None = None) -> list[Registry]:
        """Every registry (of a region), the oldest first."""
        rows = self._rows("SELECT * FROM registry WHERE ? IS NULL OR region = ? ORDER BY id", region, region)
        return [self._registry(row) for row in rows]

    def registry(self, name: str) -> Registry | None:
        """The registry of this name, in whatever region."""
        return next((self._registry(row) for row in self._rows("SELECT * FROM registry WHERE name = ?", name)), None)

    def create_registry(self, name: str, region: str, description: str, port: int | None) -> Registry:
        """Add a registry; the name must be free."""
        values = (name, region, description, port, self._clock.now().timestamp())
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO registry (name, region, description, port, created_at) VALUES (?, ?, ?, ?, ?)", values
            )
        return t.cast(Registry, self.registry(name))

    def delete_registry(self, registry_id: int) -> None:
        """Remove a registry with its tokens and repositories; their images are the image store's business."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM registry WHERE id = ?", (registry_id,))

    def registry_at(self, port: int, host_header: str) -> Registry | None:
        """The registry that a request to this port with this Host header means.

        A registry's own port decides; on the main port the real host name does, also its -inner form.
        """
        if port != self._ports.main:
            for row in self._rows("SELECT * FROM registry WHERE port = ?", port):
                return self._registry(row)
        match = _HOST.fullmatch(host_header.lower())
        if not match:
            return None
        label = match["label"].removesuffix("-inner")
        rows = self._rows("SELECT * FROM registry WHERE name || '-' || region IN (?, ?)", label, match["label"])
        return next((self._registry(row) for row in rows), None)

    # Repositories

    def repositories(self, *registry_ids: int, like: str = "", first: int = 0, limit: int = -1) -> list[Repository]:
        """Repositories of these registries whose name contains a text, the oldest first; from a place, so many."""
        with self._database.transaction():
            found = self._listing(registry_ids, like)
            page = found[first:] if limit < 0 else found[first : first + limit]
            return [_repository(row) for row in self._numbered(page)]

    def count_repositories(self, *registry_ids: int, like: str = "") -> int:
        """How many repositories of these registries have a name that contains a text."""
        if like:
            return len(self._listing(registry_ids, like))
        query = f"SELECT count(*) AS number FROM repository WHERE {_in_registries(registry_ids)}"
        return int(self._rows(query, *registry_ids)[0]["number"])

    def _listing(self, registry_ids: tuple[int, ...], like: str) -> list[int]:
        """The numbers of these repositories, the oldest first; found out once for all pages, until a row changes."""
        with self._database.transaction() as connection:
            key = (registry_ids, like, connection.total_changes)
            if self._listed is None or self._listed[0] != key:
                query = f"SELECT id FROM repository WHERE {_in_registries(registry_ids)}"
                query += " AND instr(name, lower(?)) > 0 ORDER BY id"
                self._listed = key, [row["id"] for row in connection.execute(query, (*registry_ids, like))]
            return self._listed[1]

    def _numbered(self, numbers: list[int]) -> t.Iterator[sqlite3.Row]:
        """The rows of the repositories with these numbers, in this order."""
        for start in range(0, len(numbers), _NUMBERS_AT_ONCE):
            part = numbers[start : start + _NUMBERS_AT_ONCE]
            yield from self._rows(f"SELECT * FROM repository WHERE id IN ({_places(part)}) ORDER BY id", *part)

    def filled_repositories(self, registry_id: int) -> list[int]:
        """The numbers of the repositories that were ever pushed to: no other one can hold images."""
        query = "SELECT id FROM repository WHERE registry_id = ? AND updated_at IS NOT NULL"
        return [row["id"] for row in self._rows(query, registry_id)]

    def repository(self, registry_id: int, name: str) -> Repository | None:
        """One repository by its exact name."""
        rows = self._rows("SELECT * FROM repository WHERE registry_id = ? AND name = ?", registry_id, name)
        return next((_repository(row) for row in rows), None)

    def repository_id(self, registry_id: int, name: str) -> int | None:
        """The number of a repository, None when there is none of that name."""
        repository = self.repository(registry_id, name)
        return repository.id if repository else None

    def create_repository(self, registry_id: int, name: str, description: str = "") -> Repository:
        """Add a repository; the name must be free in its registry."""
        now = self._clock.now().timestamp()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO repository (registry_id, name, description, created_at) VALUES (?, ?, ?, ?)",
                (registry_id, name, description, now),
            )
        return t.cast(Repository, self.repository(registry_id, name))

    def touch_repository(self, repository_id: int) -> None:
        """Note that the content of a repository changed now (updatedAt)."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE repository SET updated_at = ? WHERE id = ?", (self._clock.now().timestamp(), repository_id)
            )

    def delete_repository(self, repository_id: int) -> None:
        """Remove a repository; its images are the image store's business."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM repository WHERE id = ?", (repository_id,))

    # Tokens

    def issue_token(self, registry_id: int, hours: int) -> Token:
        """Issue a token that lives this many hours from now."""
        now = self._clock.now()
        issued = Token(registry_id, tokens.new_password(), now, now + timedelta(hours=hours), None)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO token (registry_id, password, issued_at, expires_at) VALUES (?, ?, ?, ?)",
                (registry_id, issued.password, now.timestamp(), issued.expires_at.timestamp()),
            )
        return issued

    def tokens_of_last_hour(self, registry_id: int | None) -> int:
        """How many tokens were issued in the last 60 minutes, for one registry or (None) for the account."""
        since = (self._clock.now() - _HOUR).timestamp()
        rows = self._rows(
            "SELECT count(*) AS number FROM token WHERE issued_at > ? AND (? IS NULL OR registry_id = ?)",
            since,
            registry_id,
            registry_id,
        )
        return int(rows[0]["number"])

    def tokens(self, registry_id: int) -> list[Token]:
        """Every token ever issued for a registry, the oldest first."""
        return [_token(row) for row in self._rows("SELECT * FROM token WHERE registry_id = ? ORDER BY id", registry_id)]

    def valid_tokens(self, registry_id: int) -> list[Token]:
        """The tokens of a registry that are neither expired nor released, the oldest first."""
        now = self._clock.now()
        return [token for token in self.tokens(registry_id) if token.released_at is None and token.expires_at > now]

    def release_tokens(self, registry_id: int, password: str | None = None) -> int:
        """Release one valid token (by its password) or all; returns how many there were."""
        now = self._clock.now().timestamp()
        with self._database.transaction() as connection:
            return connection.execute(
                "UPDATE token SET released_at = ? WHERE registry_id = ? AND released_at IS NULL AND expires_at > ?"
                " AND (? IS NULL OR password = ?)",
                (now, registry_id, now, password, password),
            ).rowcount

    def check_login(self, registry_id: int, username: str, password: str) -> str:
        """What a login to a registry is worth: valid, expired, released or unknown."""
        rows = self._rows("SELECT * FROM token WHERE password = ? AND registry_id = ?", password, registry_id)
        if username != tokens.USER or not rows:
            return "unknown"
        token = _token(rows[0])
        if token.released_at is not None:
            return "released"
        return "valid" if token.expires_at > self._clock.now() else "expired"

    def _rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._database.transaction() as connection:
            return connection.execute(query, values).fetchall()

    def _registry(self, row: sqlite3.Row) -> Registry:
        return Registry(
            row["id"],
            row["name"],
            row["region"],
            self._uri(row),
            row["description"],
            row["port"],
            _moment(row["created_at"]),
        )

    def _uri(self, row: sqlite3.Row) -> str:
        if row["port"] is not None:
            return f"{HOST}:{row['port']}"
        port = "" if self._ports.main == 80 else f":{self._ports.main}"
        return f"{row['name']}-{row['region']}.jcr.service.jdcloud.com{port}"


def _repository(row: sqlite3.Row) -> Repository:
    return Repository(
        row["id"],
        row["registry_id"],
        row["name"],
        row["description"],
        _moment(row["created_at"]),
        None if row["updated_at"] is None else _moment(row["updated_at"]),
    )


def _token(row: sqlite3.Row) -> Token:
    released = None if row["released_at"] is None else _moment(row["released_at"])
    return Token(row["registry_id"], row["password"], _moment(row["issued_at"]), _moment(row["expires_at"]), released)


def _in_registries(registry_ids: t.Sequence[int]) -> str:
    """The SQL condition for repositories of so many registries; it takes their numbers."""
    return f"registry_id IN ({_places(registry_ids)})"


def _places(values: t.Sequence[int]) -> str:
    return ", ".join("?" * len(values))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
