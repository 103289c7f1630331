# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory the module takes for a large image, from wherever it can take one without a daemon.

The files of the image are real, but sparse: all zeros up to the last byte, which tells the layers apart. So they take
neither room nor long to write, and whoever reads them gets every byte.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tarfile
import typing as t
from pathlib import Path

from tests.benchmarks import measuring
from tests.benchmarks.figures import Figure
from tests.benchmarks.stage import REGISTRY, REPOSITORY, Stage

LAYERS, LAYER_SIZE = 4, 512 * 1024 * 1024
TITLE = f"Memory of jcr_image as a module, with an image of {LAYERS * LAYER_SIZE >> 20} MiB"

_MEGABYTES = 150
_MODULE = "ansible_collections.jdcloud.jcr.plugins.modules.jcr_image"
_OTHER_REGISTRY = "bench-other"
_OCI = "application/vnd.oci.image"


def figures(stage: Stage) -> t.Iterator[Figure]:
    """Each pushes the whole image, so the layers are others each time."""
    stage.play([{"jdcloud.jcr.jcr_registry": {"name": _OTHER_REGISTRY}}])
    stage.play([{"jdcloud.jcr.jcr_repository": {"registry": _OTHER_REGISTRY, "name": REPOSITORY}}])
    push = functools.partial(_pushed, stage, REGISTRY)
    layout = _write_layout(stage.directory / "layout", b"1")
    yield _figure("an OCI image layout", push("layout", archive=str(layout)))
    saved = _write_docker_archive(stage.directory / "saved.tar", b"2")
    yield _figure("what docker save wrote", push("saved", archive=str(saved)))
    uris = {registry["name"]: registry["uri"] for registry in stage.emulator.state()["registries"]}
    origin = f"{uris[REGISTRY]}/{REPOSITORY}:layout"
    yield _figure("another registry", _pushed(stage, _OTHER_REGISTRY, "copy", from_image=origin))


def _figure(origin: str, megabytes: float) -> Figure:
    return Figure(f"peak memory, pushed from {origin}", megabytes, _MEGABYTES, unit="MB")


def _pushed(stage: Stage, registry: str, tag: str, **source: str) -> float:
    """MB at the most, of the module as a process of its own that pushes all layers."""
    options = {"registry": registry, "repository": REPOSITORY, "tag": tag, **source}
    content = json.dumps({"ANSIBLE_MODULE_ARGS": options}).encode()
    megabytes, output = measuring.peak_memory(_MODULE, content, env=stage.environment())
    transfer = json.loads(output)["transfer"]
    if transfer["layers_pushed"] != LAYERS + 1:  # the config is one, too
        raise RuntimeError(f"the module did not push all layers: {str(transfer)[:500]}")
    return megabytes


# --- the image -------------------------------------------------------------------------------------------------------


def _write_layout(directory: Path, mark: bytes) -> Path:
    """An OCI image layout; returns the directory."""
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(kind: str, content: bytes) -> dict[str, t.Any]:
        hexadecimal = hashlib.sha256(content).hexdigest()
        (blobs / hexadecimal).write_bytes(content)
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{hexadecimal}", "size": len(content)}

    layers = []
    for end in _ends(mark):
        digest = _digest(end)
        with (blobs / digest.partition(":")[2]).open("wb") as file:
            _write_zeros_and(file, end)
        layers.append({"mediaType": f"{_OCI}.layer.v1.tar", "digest": digest, "size": LAYER_SIZE})
    config = blob("config.v1+json", _config([layer["digest"] for layer in layers]))
    manifest = {"schemaVersion": 2, "mediaType": f"{_OCI}.manifest.v1+json", "config": config, "layers": layers}
    root = blob("manifest.v1+json", json.dumps(manifest).encode())
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}), encoding="utf-8")
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
    return directory


def _write_docker_archive(path: Path, mark: bytes) -> Path:
    """A docker-archive; returns its path."""
    ends = _ends(mark)
    config = _config([_digest(end) for end in ends])
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{number}/layer.tar" for number in range(LAYERS)]
    listing = json.dumps([{"Config": name, "RepoTags": ["bench:1"], "Layers": names}]).encode()
    with path.open("wb") as file:
        for member, end in zip(names, ends, strict=True):
            file.write(_header(member, LAYER_SIZE))
            _write_zeros_and(file, end)  # whole blocks of a tar
        for member, content in ((name, config), ("manifest.json", listing)):
            file.write(_header(member, len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
        file.write(bytes(2 * tarfile.BLOCKSIZE))
    return path


def _ends(mark: bytes) -> list[bytes]:
    """The last bytes of each layer."""
    return [mark + bytes([number]) for number in range(LAYERS)]


def _digest(end: bytes) -> str:
    """The digest of a layer that is zeros up to these bytes."""
    hasher, left = hashlib.sha256(), LAYER_SIZE - len(end)
    piece = bytes(1024 * 1024)
    while left:
        hasher.update(piece[:left])
        left -= min(left, len(piece))
    hasher.update(end)
    return f"sha256:{hasher.hexdigest()}"


def _write_zeros_and(file: t.BinaryIO, end: bytes) -> None:
    """A layer at the file's place: a hole, and its last bytes."""
    file.seek(LAYER_SIZE - len(end), 1)
    file.write(end)


def _config(diff_ids: list[str]) -> bytes:
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    return json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)
