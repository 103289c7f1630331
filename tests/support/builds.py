# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a build leaves on a disk, and what somebody else's registry holds, for playbooks that push it."""

from __future__ import annotations

import contextlib
import subprocess
import typing as t
from pathlib import Path

from tests.emulator_tests import docker_registry
from tests.support import archives, images, sources

_NAME = "org.opencontainers.image.ref.name"
UPSTREAM_PASSWORD = docker_registry.PASSWORD


def write_builds(folder: Path) -> None:
    """An image as docker save writes it, a tar of two images for two platforms each, and a folder with a large one."""
    folder.mkdir()
    (folder / "app.tar").write_bytes(images.runnable("app:24.10", "the app").data())
    store = archives.Store()
    tools = []
    for name in ("tools/lint:1.4", "tools/format:1.4"):
        index = store.index(store.image(name, "linux/amd64"), store.image(name, "linux/arm64"))
        tools.append({**index, "annotations": {_NAME: name}})
    archives.write_tar(folder / "tools.oci.tar", store.layout(*tools))
    sources.write_layout(sources.image((3_000_000, 20_000)), folder / "models")


def oci_image(store: archives.Store, archive: images.ImageArchive, platform: str) -> dict[str, t.Any]:
    """The image as an OCI image with layers that are not compressed."""
    _listing, config, *layers = (b"".join(member.content()) for member in archive.members)
    manifest = {
        "schemaVersion": 2,
        "mediaType": archives.OCI_MANIFEST,
        "config": store.add(archives.OCI_CONFIG, config),
        "layers": [store.add(archives.OCI_LAYER, layer) for layer in layers],
    }
    parts = dict(zip(("os", "architecture"), platform.split("/"), strict=True))
    return store.add(archives.OCI_MANIFEST, manifest, platform=parts)


@contextlib.contextmanager
def upstream(folder: Path) -> t.Iterator[str]:
    """A registry that wants a login and holds library/nginx:1.27 for three platforms; its host."""
    folder.mkdir()
    layout = sources.write_layout(sources.index(["amd64", "arm64", "s390x"], (20_000,)), folder / "nginx")
    with docker_registry.serve(folder, login=True) as url:
        host = url.removeprefix("http://")
        login = f"--dest-authfile={docker_registry.auth_file(folder, host)}"
        line = ["skopeo", "--insecure-policy", "copy", "--all", "--dest-tls-verify=false", login]
        line += [f"oci:{layout}", f"docker://{host}/library/nginx:1.27"]
        subprocess.run(line, capture_output=True, check=True)
        yield host
