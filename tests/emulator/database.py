# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator's one sqlite database: one connection, one lock, whole transactions only."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator


class Database:
    """State that survives kill -9 when it has a path, and lives in memory when the path is C(:memory:)."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(os.fspath(path), isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        # NORMAL in WAL mode: a commit survives the death of the process; only a power cut may lose the last ones.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one transaction, alone in the process; usable from any thread.

        A transaction inside another one of the same thread joins it: the outermost commits, or undoes everything.
        Rows can be read by column name. Never await inside the block.
        """
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield self._connection
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute_script(self, sql: str) -> None:
        """Run statements that define tables; each must be repeatable (IF NOT EXISTS)."""
        with self._lock:
            self._connection.executescript(sql)

    def erase(self) -> None:
        """Delete every row of every table, in one transaction; the tables stay."""
        with self.transaction() as connection:
            connection.execute("PRAGMA defer_foreign_keys = ON")
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            for row in connection.execute(query).fetchall():
                connection.execute(f'DELETE FROM "{row["name"]}"')

    def close(self) -> None:
        """Close the connection; the database cannot be used afterwards."""
        with self._lock:
            self._connection.close()
