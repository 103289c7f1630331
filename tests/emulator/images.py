# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of all repositories: manifests, tags, pull counters, and below them blobs and uploads.

The control plane lists and deletes images here; the data plane pushes and pulls them. Repositories are the control
plane's rows: here they are only numbers. Every method blocks: call it from a worker thread.

Deleting an image takes its blobs out of the repository at once, unless another image there needs them. A client that
was told a moment ago that such a blob exists is refused when it sends its manifest (MANIFEST_BLOB_UNKNOWN) and has to
push again: an image that is stored is always whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.emulator import blobs, uploads
from tests.emulator.manifests import Manifest, referrer_entry
from tests.emulator.registryerrors import RegistryError

TABLES = """
CREATE TABLE IF NOT EXISTS manifests (
    repository_id INTEGER NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, content BLOB NOT NULL,
    size INTEGER NOT NULL, subject TEXT, pushed_at TEXT NOT NULL, last_pull_at TEXT, pulls INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (repository_id, digest)
);
CREATE INDEX IF NOT EXISTS manifests_by_subject ON manifests (repository_id, subject);
CREATE TABLE IF NOT EXISTS manifest_parts (
    repository_id INTEGER NOT NULL, digest TEXT NOT NULL, part TEXT NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest, part),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS manifest_parts_by_part ON manifest_parts (repository_id, part);
CREATE TABLE IF NOT EXISTS tags (
    repository_id INTEGER NOT NULL, tag TEXT NOT NULL, digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, tag),
    FOREIGN KEY (repository_id, digest) REFERENCES manifests ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS tags_by_digest ON tags (repository_id, digest);
"""

# How often somebody looks for what was left lying.
CLEAN_UP_INTERVAL = timedelta(hours=1)


class ImageStore:
    """All images of the emulator.

    settings is the emulator's (anything with C(settings[key])); it is asked anew each time. C(delete_by_tag): 'untag'
    takes the tag off, and the image goes with its last tag; 'delete_digest' deletes the image with all its tags.
    C(upload_max_age_hours): how long an upload, or a blob without an image, may lie untouched. C(fsync): whether a
    blob has to survive a power cut; it survives the death of the process anyway.
    """

    def __init__(self, database: Any, blob_directory: Path, clock: Any, settings: Any) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self.directory = Path(blob_directory)
        upload_directory = self.directory / "uploads"
        upload_directory.mkdir(parents=True, exist_ok=True)
        database.execute_script(blobs.TABLES + uploads.TABLES + TABLES)
        self.blobs = blobs.BlobStore(database, self.directory, clock, settings)
        self.uploads = uploads.UploadStore(database, upload_directory, clock, self.blobs)
        self.remove_strays()

    def remove_strays(self) -> None:
        """Remove files that the database does not know: left by a crash, or because the database was emptied."""
        self.blobs.remove_strays()
        self.uploads.remove_strays()
        self._cleaned_at: datetime | None = None

    def list_images(self, repository_id: int) -> list[dict[str, Any]]:
        """All images, first pushed first: digest, manifest (text), media_type, size (bytes of config and compressed
        layers; of an index: of its images), tags (sorted), pushed_at, last_pull_at (or None), pulls."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT * FROM manifests WHERE repository_id = ? ORDER BY pushed_at, digest", (repository_id,)
            ).fetchall()
            tags: dict[str, list[str]] = {}
            query = "SELECT digest, tag FROM tags WHERE repository_id = ? ORDER BY tag"
            for digest, tag in connection.execute(query, (repository_id,)):
                tags.setdefault(digest, []).append(tag)
        return [_image(row, tags.get(row["digest"], [])) for row in rows]

    def count(self, repository_id: int) -> int:
        """How many images there are, tagged or not."""
        return self._number("SELECT COUNT(*) FROM manifests WHERE repository_id = ?", repository_id)

    def space_used(self, repository_id: int) -> int:
        """Bytes of the blobs of all images, each blob counted once."""
        query = (
            "SELECT COALESCE(SUM(size), 0) FROM blobs WHERE digest IN"
            " (SELECT part FROM manifest_parts WHERE repository_id = ? AND kind = 'blob')"
        )
        return self._number(query, repository_id)

    def delete_image(
        self, repository_id: int, *, digest: str | None = None, tag: str | None = None, tag_status: str | None = None
    ) -> int:
        """Delete by any of digest, tag, status ('tagged' or 'untagged'); those given must all be true of an image.

        Returns how many images lost a tag or were deleted: 0 means that nothing was like that. With a tag, the
        switch C(delete_by_tag) says what becomes of an image that has more tags. The files of blobs that nobody
        needs any more go with the next collect_garbage().
        """
        if digest is None and tag is None and tag_status is None:
            raise ValueError("say which images to delete: digest, tag or tag_status")
        with self._database.transaction() as connection:
            found = self._matching(connection, repository_id, digest, tag, tag_status)
            for match in found:
                if tag is not None and self._only_untag(connection, repository_id, match, tag):
                    continue
                self._delete(connection, repository_id, match)
        return len(found)

    def drop_repository(self, repository_id: int) -> None:
        """Forget all that a repository held; for a repository that is deleted."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM manifests WHERE repository_id = ?", (repository_id,))
            self.blobs.unlink_all(repository_id)
            self.uploads.cancel_all(repository_id)

    def collect_garbage(self) -> int:
        """Remove the files of blobs that no repository holds; how many. Never call it inside another transaction."""
        return self.blobs.collect_garbage()

    def clean_up(self) -> None:
        """Drop uploads and blobs that were left lying too long. Cheap when it has just been done."""
        now = self._clock.now()
        if self._cleaned_at is None or not timedelta() <= now - self._cleaned_at < CLEAN_UP_INTERVAL:
            age = timedelta(hours=self._settings["upload_max_age_hours"])
            self.uploads.cancel_abandoned(age)
            self.blobs.unlink_abandoned(age)
            self._cleaned_at = now
        self.collect_garbage()

    def put_manifest(self, repository_id: int, manifest: Manifest, tag: str | None) -> None:
        """Store a manifest whose parts are all here, and point the tag to it; refuses one with missing parts."""
        with self._database.transaction() as connection:
            size = manifest.declared_size + self._check_parts(connection, repository_id, manifest)
            key = (repository_id, manifest.digest)
            now = self._clock.now().isoformat(timespec="microseconds")
            connection.execute(
                "INSERT INTO manifests (repository_id, digest, media_type, content, size, subject, pushed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET pushed_at = excluded.pushed_at",
                (*key, manifest.media_type, manifest.content, size, manifest.subject, now),
            )
            connection.executemany(
                "INSERT OR IGNORE INTO manifest_parts VALUES (?, ?, ?, ?)",
                [(*key, part.digest, part.kind) for part in manifest.parts],
            )
            if tag is not None:
                values = (repository_id, tag, manifest.digest)
                connection.execute("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", values)

    def find_manifest(self, repository_id: int, reference: str) -> Mapping[str, Any] | None:
        """digest, media_type and content of a tag or digest; None if unknown."""
        query = "SELECT digest, media_type, content FROM manifests WHERE repository_id = ? AND digest = ?"
        if ":" not in reference:
            query = (
                "SELECT digest, media_type, content FROM tags JOIN manifests USING (repository_id, digest)"
                " WHERE repository_id = ? AND tag = ?"
            )
        with self._database.transaction() as connection:
            row: Mapping[str, Any] | None = connection.execute(query, (repository_id, reference)).fetchone()
        return row

    def count_pull(self, repository_id: int, digest: str) -> None:
        """Note that an image is being pulled now."""
        now = self._clock.now().isoformat(timespec="microseconds")
        statement = "UPDATE manifests SET pulls = pulls + 1, last_pull_at = ? WHERE repository_id = ? AND digest = ?"
        with self._database.transaction() as connection:
            connection.execute(statement, (now, repository_id, digest))

    def tags(self, repository_id: int, *, after: str = "", limit: int = -1) -> list[str]:
        """The tags after this one in the order of their bytes, at most so many (-1: all)."""
        query = "SELECT tag FROM tags WHERE repository_id = ? AND tag > ? ORDER BY tag LIMIT ?"
        with self._database.transaction() as connection:
            return [row["tag"] for row in connection.execute(query, (repository_id, after, limit))]

    def referrers(self, repository_id: int, subject: str) -> list[dict[str, Any]]:
        """Entries of the manifests whose subject is this digest, first pushed first."""
        query = (
            "SELECT digest, media_type, content FROM manifests WHERE repository_id = ? AND subject = ?"
            " ORDER BY pushed_at, digest"
        )
        with self._database.transaction() as connection:
            rows = connection.execute(query, (repository_id, subject)).fetchall()
        return [referrer_entry(row["content"], row["digest"], row["media_type"]) for row in rows]

    def delete_blob(self, repository_id: int, digest: str) -> bool:
        """Take a blob out of a repository; False if it is not there; refused while an image needs it."""
        query = "SELECT digest FROM manifest_parts WHERE repository_id = ? AND part = ? LIMIT 1"
        with self._database.transaction() as connection:
            user = connection.execute(query, (repository_id, digest)).fetchone()
            if user:
                message = f"blob {digest} belongs to the image {user['digest']}; delete the image first"
                raise RegistryError("UNSUPPORTED", message)
            return self.blobs.unlink(repository_id, digest)

    def _check_parts(self, connection: Any, repository_id: int, manifest: Manifest) -> int:
        """Refuse a manifest with missing parts; the bytes of its images if it is an index."""
        size = 0
        for part in manifest.parts:
            if part.kind == "blob":
                present = self.blobs.size(repository_id, part.digest)
                content_size = present
            else:
                query = "SELECT size, LENGTH(content) AS length FROM manifests WHERE repository_id = ? AND digest = ?"
                row = connection.execute(query, (repository_id, part.digest)).fetchone()
                present, content_size = (row["size"], row["length"]) if row else (None, None)
                size += present or 0
            if present is None and not part.elsewhere:
                message = f"{part.kind} {part.digest} is not in the repository; push it before the manifest"
                raise RegistryError("MANIFEST_BLOB_UNKNOWN", message, detail={"digest": part.digest})
            if present is not None and content_size != part.size:
                message = f"the manifest gives {part.digest} {part.size} bytes, but it has {content_size}"
                raise RegistryError("SIZE_INVALID", message, detail={"digest": part.digest})
        return size

    def _matching(
        self, connection: Any, repository_id: int, digest: str | None, tag: str | None, tag_status: str | None
    ) -> list[str]:
        """Digests of the images for which all of the given selectors are true."""
        tagged = "EXISTS (SELECT 1 FROM tags WHERE tags.repository_id = m.repository_id AND tags.digest = m.digest"
        conditions = ["m.repository_id = ?"]
        values: list[Any] = [repository_id]
        if digest is not None:
            conditions.append("m.digest = ?")
            values.append(digest)
        if tag is not None:
            conditions.append(f"{tagged} AND tag = ?)")
            values.append(tag)
        if tag_status is not None:
            conditions.append({"tagged": f"{tagged})", "untagged": f"NOT {tagged})"}[tag_status])
        query = f"SELECT digest FROM manifests AS m WHERE {' AND '.join(conditions)}"
        return [row["digest"] for row in connection.execute(query, values)]

    def _only_untag(self, connection: Any, repository_id: int, digest: str, tag: str) -> bool:
        """Take the tag off, if the image is to stay; whether that was all there was to do."""
        if self._settings["delete_by_tag"] == "delete_digest":
            return False
        connection.execute("DELETE FROM tags WHERE repository_id = ? AND tag = ?", (repository_id, tag))
        query = "SELECT 1 FROM tags WHERE repository_id = ? AND digest = ? LIMIT 1"
        return connection.execute(query, (repository_id, digest)).fetchone() is not None

    def _delete(self, connection: Any, repository_id: int, digest: str) -> None:
        key = (repository_id, digest)
        query = "SELECT part FROM manifest_parts WHERE repository_id = ? AND digest = ? AND kind = 'blob'"
        parts = [row["part"] for row in connection.execute(query, key)]
        connection.execute("DELETE FROM manifests WHERE repository_id = ? AND digest = ?", key)
        self.blobs.unlink_unused(repository_id, parts)

    def _number(self, query: str, repository_id: int) -> int:
        with self._database.transaction() as connection:
            return int(connection.execute(query, (repository_id,)).fetchone()[0])


def _image(row: Mapping[str, Any], tags: list[str]) -> dict[str, Any]:
    pulled = row["last_pull_at"]
    return {
        "digest": row["digest"],
        "manifest": row["content"].decode("utf-8"),
        "media_type": row["media_type"],
        "size": row["size"],
        "tags": tags,
        "pushed_at": datetime.fromisoformat(row["pushed_at"]),
        "last_pull_at": datetime.fromisoformat(pulled) if pulled else None,
        "pulls": row["pulls"],
    }
