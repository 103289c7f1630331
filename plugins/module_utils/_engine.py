# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The port to a Docker Engine (or to Podman's Docker-compatible socket): look, tag, remove, push, pull.

This module util is private to the collection.

Credentials go to the engine with the one call that needs them: nothing is logged in, and no login that is stored on the
machine is used or changed. What becomes of a push or a pull while it runs is in C(_enginetransfer).
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock, Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import engine_address
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineclient import (
    CONNECTION_ERRORS,
    APIError,
    EngineClient,
    NotFound,
    connect,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginefault import cannot_connect
from ansible_collections.jdcloud.jcr.plugins.module_utils._enginetransfer import Transfer
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    EngineError,
    ImageNotFound,
    JcrError,
    RuleError,
    TransferFailed,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import platform_name
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import LayerLog, Progress
from ansible_collections.jdcloud.jcr.plugins.module_utils._reference import ImageReference
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._stream import PullStream, PushStream

DEFAULT_TAG = "latest"
_REMOVAL_CURES = {409: "Remove the container that uses the image, or keep the image."}


class Engine:
    """A Docker Engine; connects with the first call.

    C(options) as engine_address() takes them: C(docker_host), those for TLS, C(docker_timeout) in seconds for anything
    but a transfer, C(idle_timeout) for the silence within one. Every method raises EngineError if the engine cannot be
    reached, MissingLibrary without the docker library, and ConfigurationError for a C(docker_host) that is none, or
    over which a secret would travel in clear.
    """

    def __init__(self, docker_host: str | None = None, *, clock: Clock | None = None, **options: t.Any) -> None:
        self.address = engine_address(docker_host, **options)
        self._clock = clock or Clock()
        self._client: EngineClient | None = None

    def check(self) -> None:
        """Refuse options that can never work (ConfigurationError); nothing is tried."""
        self.address.check()

    def inspect(self, reference: str) -> dict[str, t.Any] | None:
        """An image by name, digest or id; None if the engine does not have it.

        C(id), C(repo_digests), C(repo_tags), C(diff_ids) of its layers, C(size) in bytes, C(platforms) that the
        engine has of it, C(created), and C(pushed_as), the digest that a push gives it if that is known to be another
        one.
        """
        found = self._call(lambda client: client.inspect_in_full(reference), missing=None)
        return found and {
            "id": found["Id"],
            "repo_digests": found.get("RepoDigests") or [],
            "repo_tags": found.get("RepoTags") or [],
            "diff_ids": (found.get("RootFS") or {}).get("Layers") or [],
            "size": found.get("Size"),
            "platforms": _platforms(found),
            "created": found.get("Created"),
            "pushed_as": lone_image(found.get("Manifests") or []),
        }

    def tag(self, source: str, target: str) -> None:
        """Give the image C(source) the name C(target) as well; raises ImageNotFound."""
        image = _tagged(target, "tag")
        if self._call(lambda client: client.tag(source, image.name, image.tag), missing=False) is False:
            raise ImageNotFound(
                f"the Docker Engine has no image {source!r}", cure="Build, load or pull it first, and check its name."
            ).about("tag", f"{source!r} as {target!r}")

    def remove(self, reference: str) -> list[dict[str, str]]:
        """Take a name away, and the image with its last name; a list of {untagged: name} and {deleted: id}."""
        removed = self._call(lambda client: client.remove_image(reference), _REMOVAL_CURES, missing=[])
        return [{key.lower(): value for key, value in step.items()} for step in removed or []]

    def push(
        self,
        reference: str,
        username: str,
        password: Secret,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
        verify: bool | str = True,
        allowed_hosts: t.Sequence[str] = (),
    ) -> dict[str, t.Any]:
        """Push the local image of this name; returns PushStream.verdict() and C(seconds).

        C(progress) is told of each layer as it goes (LayerEvent). C(verify) and C(allowed_hosts), as Conversation has
        them, are for asking the registry what it refuses; the engine has its own settings.
        Raises ImageNotFound (no such local image), LoginRefused (another token may help), TransferRefused, Unreachable,
        TransferFailed, DeadlineExceeded.
        """
        image = _tagged(reference, "push")
        tag = image.tag or DEFAULT_TAG  # without one, the engine would push all tags
        fold = PushStream(tag, LayerLog(self._clock.monotonic, progress))
        trust = {"verify": verify, "allowed_hosts": allowed_hosts}
        transfer = Transfer(self._connected(), self.address, image, (username, password), self._clock, trust)
        began = self._clock.monotonic()
        with _about("push", reference):
            transfer.run(
                lambda client, auth: client.push(image.name, tag=tag, stream=True, auth_config=auth), fold, deadline
            )
            return {**fold.verdict(), "seconds": round(self._clock.monotonic() - began, 3)}

    def pull(
        self,
        reference: str,
        username: str,
        password: Secret,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> dict[str, t.Any]:
        """Pull by tag or digest; returns C(id), C(digest) and C(repo_digests) of what is there now, together with
        PullStream.transfer() and C(seconds).

        An older image of the same name is never taken for the new one. C(progress) and what is raised as in push();
        ImageNotFound if the registry does not have the image.
        """
        image = ImageReference.parse(reference)
        wanted = image.digest or image.tag or DEFAULT_TAG
        fold = PullStream(image.digest, LayerLog(self._clock.monotonic, progress))
        transfer = Transfer(self._connected(), self.address, image, (username, password), self._clock)
        began = self._clock.monotonic()
        with _about("pull", reference):
            transfer.run(
                lambda client, auth: client.pull(image.name, tag=wanted, stream=True, auth_config=auth), fold, deadline
            )
            there = self._pulled(image, *fold.verdict())
            return {**there, **fold.transfer(), "seconds": round(self._clock.monotonic() - began, 3)}

    def _pulled(self, image: ImageReference, digest: str | None, short_id: str | None) -> dict[str, t.Any]:
        named = image.with_digest(image.digest) if image.digest else image.with_tag(image.tag or DEFAULT_TAG)
        there = self.inspect(str(named))
        if there is None:
            raise TransferFailed("the pull ended well, but the image is not there", retryable=True)
        digests = [known.partition("@")[2] for known in there["repo_digests"] if known.startswith(f"{image.name}@")]
        if digest is None and short_id and there["id"].startswith(f"sha256:{short_id}") and digests:
            digest = digests[0]
        if digest not in digests:
            raise TransferFailed(
                f"{digest or short_id} was pulled, but the name stands for another image, {there['id']}: "
                "another program moved it",
                retryable=True,
            )
        return {"id": there["id"], "digest": digest, "repo_digests": there["repo_digests"]}

    def close(self) -> None:
        """Give the connection back."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> EngineClient:
        if self._client is None:
            self._client = connect(self.address)
        return self._client

    def _call(
        self, work: t.Callable[[EngineClient], t.Any], cures: t.Mapping[int, str] | None = None, **missing: t.Any
    ) -> t.Any:
        """What C(work) returns; C(missing) where the engine does not know the object, if that is given.

        C(cures) are for refusals by their status, other than the usual one.
        """
        client = self._connected()
        try:
            return work(client)
        except APIError as error:
            if missing and isinstance(error, NotFound):
                return missing["missing"]
            cure = (cures or {}).get(error.status_code)
            raise EngineError(f"the Docker Engine says: {error.explanation or error}", cure=cure) from error
        except (*CONNECTION_ERRORS, ValueError) as error:
            raise cannot_connect(error, self.address.docker_host) from error


def _platforms(found: t.Mapping[str, t.Any]) -> list[str]:
    """For which platforms an engine has an image; of an index, only dockerd 28 and newer tell of more than one."""
    images = [manifest for manifest in found.get("Manifests") or [] if _is_image(manifest)]
    told = [(manifest.get("ImageData") or {}).get("Platform") for manifest in images] or [
        {name.lower(): found.get(name) for name in ("Os", "Architecture", "Variant")}
    ]
    return list(dict.fromkeys(filter(None, map(platform_name, told))))


def lone_image(manifests: t.Sequence[t.Mapping[str, t.Any]]) -> str | None:
    """The digest of the one image that an engine has of an index for several platforms; None if it has all, or more.

    That is what it pushes in the place of the index (dockerd 28 with containerd's image store).
    """
    missing = [manifest for manifest in manifests if not manifest.get("Available")]
    images = list(filter(_is_image, manifests))
    return images[0].get("ID") if missing and len(images) == 1 else None


def _is_image(manifest: t.Mapping[str, t.Any]) -> bool:
    """Whether this entry of an index is an image that the engine has."""
    return bool(manifest.get("Available")) and manifest.get("Kind") == "image"


def _tagged(reference: str, act: str) -> ImageReference:
    image = ImageReference.parse(reference)
    if image.digest:
        raise RuleError(f"{reference!r} names a digest", cure="Give a tag instead.").about(act, repr(reference))
    return image


@contextlib.contextmanager
def _about(act: str, reference: str) -> t.Iterator[None]:
    try:
        yield
    except JcrError as error:
        error.about(act, repr(reference))
        raise
