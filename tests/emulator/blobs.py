# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Blobs: files named by their digest, and the links that make them readable in a repository.

A file is stored once however many repositories use it, but nobody can read it except through a link of the repository
in the URL; so a registry learns nothing of what another one holds.

Crash safety rests on two orders. A file is moved to its place before its row is committed: a crash between leaves a
file that nobody can see. A file is removed only while no link points to it: a crash between leaves a row without
links, and whoever uploads the blob again puts the file back.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS blobs (digest TEXT PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS blob_links (
    repository_id INTEGER NOT NULL, digest TEXT NOT NULL, linked_at TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX IF NOT EXISTS blob_links_by_digest ON blob_links (digest);
"""


class BlobStore:
    """The blobs of all registries. Every method blocks: call it from a worker thread."""

    def __init__(self, database: Any, directory: Path, clock: Any, settings: Any) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._garbage = True

    def remove_strays(self) -> None:
        """Remove files that no row knows."""
        with self._database.transaction() as connection:
            known = {row["digest"] for row in connection.execute("SELECT digest FROM blobs")}
            for file in self._directory.glob("sha*/??/*"):
                if f"{file.parent.parent.name}:{file.name}" not in known:
                    file.unlink()

    def size(self, repository_id: int, digest: str) -> int | None:
        """Bytes of a blob that this repository links to; None if it does not."""
        query = "SELECT size FROM blobs JOIN blob_links USING (digest) WHERE repository_id = ? AND digest = ?"
        with self._database.transaction() as connection:
            row = connection.execute(query, (repository_id, digest)).fetchone()
        return row["size"] if row else None

    def path(self, digest: str) -> Path:
        """Where a blob's file is, or would be."""
        algorithm, _colon, hexadecimal = digest.partition(":")
        return self._directory / algorithm / hexadecimal[:2] / hexadecimal

    def adopt(self, file: Path, repository_id: int, digest: str, size: int) -> None:
        """Make a finished upload a blob of this repository; the file moves. The caller has verified the digest."""
        target = self.path(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        durable = self._settings["fsync"]
        if durable:
            _flush(file)
        with self._database.transaction() as connection:
            # Always replaced, even if the row is there: after a crash its file may be missing.
            os.replace(file, target)
            if durable:
                _flush(target.parent)
            connection.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (digest, size))
            self._link(connection, repository_id, digest)

    def mount(self, source_id: int, repository_id: int, digest: str) -> bool:
        """Link a blob of one repository in another; False if the source does not have it.

        Both must be repositories of one registry: the caller looks both names up in the same one.
        """
        with self._database.transaction() as connection:
            if self.size(source_id, digest) is None:
                return False
            self._link(connection, repository_id, digest)
        return True

    def unlink(self, repository_id: int, digest: str) -> bool:
        """Take a blob out of a repository; False if it was not there."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "DELETE FROM blob_links WHERE repository_id = ? AND digest = ?", (repository_id, digest)
            )
        self._garbage = True
        return cursor.rowcount > 0

    def unlink_unused(self, repository_id: int, digests: list[str]) -> None:
        """Take those of these blobs out of a repository that none of its manifests needs any more."""
        statement = (
            "DELETE FROM blob_links WHERE repository_id = :repository AND digest = :digest AND NOT EXISTS"
            " (SELECT 1 FROM manifest_parts WHERE repository_id = :repository AND part = :digest)"
        )
        with self._database.transaction() as connection:
            connection.executemany(statement, [{"repository": repository_id, "digest": d} for d in digests])
        self._garbage = True

    def unlink_all(self, repository_id: int) -> None:
        """Take every blob out of a repository."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM blob_links WHERE repository_id = ?", (repository_id,))
        self._garbage = True

    def unlink_abandoned(self, age: timedelta) -> None:
        """Take out blobs that were uploaded this long ago and for which no manifest ever came."""
        statement = (
            "DELETE FROM blob_links WHERE linked_at < ? AND NOT EXISTS (SELECT 1 FROM manifest_parts AS needed"
            " WHERE needed.repository_id = blob_links.repository_id AND needed.part = blob_links.digest)"
        )
        with self._database.transaction() as connection:
            cursor = connection.execute(statement, (_text(self._clock.now() - age),))
        self._garbage = self._garbage or cursor.rowcount > 0

    def collect_garbage(self) -> int:
        """Remove the files of blobs without links; the number removed. Never call it inside another transaction."""
        if not self._garbage:
            return 0
        with self._database.transaction() as connection:
            query = "SELECT digest FROM blobs WHERE digest NOT IN (SELECT digest FROM blob_links)"
            unused = [row["digest"] for row in connection.execute(query)]
            for digest in unused:
                self.path(digest).unlink(missing_ok=True)
            connection.executemany("DELETE FROM blobs WHERE digest = ?", [(digest,) for digest in unused])
            self._garbage = False
        return len(unused)

    def _link(self, connection: Any, repository_id: int, digest: str) -> None:
        moment = _text(self._clock.now())
        connection.execute("INSERT OR REPLACE INTO blob_links VALUES (?, ?, ?)", (repository_id, digest, moment))


def _text(moment: datetime) -> str:
    """A time that sorts as text."""
    return moment.isoformat(timespec="microseconds")


def _flush(path: Path) -> None:
    """Make a file's content, or a directory's entries, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
