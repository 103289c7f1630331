# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which operation a method and a path mean, for both planes."""

from __future__ import annotations

import functools
import re
from urllib.parse import unquote

_REGION = r"/+v1/+regions/+(?P<region>[^/:]+)/+"
_REGISTRY = _REGION + r"registries/+(?P<registry>[^/:]+)"
_REPOSITORY = _REGISTRY + r"/repositories/(?P<repository>[^:]+)"
_CONTROL = tuple(
    (method, re.compile(pattern), operation)
    for method, pattern, operation in (
        ("GET", _REGION + "registries", "describeRegistries"),
        ("POST", _REGION + "registries", "createRegistry"),
        ("POST", _REGION + "registries:checkRegistryName", "checkRegistryName"),
        ("GET", _REGISTRY, "describeRegistry"),
        ("DELETE", _REGISTRY, "deleteRegistry"),
        ("POST", _REGION + "listRepositories", "describeRepositories"),
        ("POST", _REGION + "repositories:checkRepositoryName", "checkRepositoryName"),
        ("POST", _REGISTRY + "/repositories", "createRepository"),
        ("DELETE", _REPOSITORY, "deleteRepository"),
        ("GET", _REGION + "images", "describeImages"),
        ("POST", _REPOSITORY + ":deleteImage", "deleteImage"),
        ("GET", _REGION + "quotas", "describeQuotas"),
        ("POST", _REGISTRY + ":getAuthorizationToken", "getAuthorizationToken"),
        ("GET", _REGISTRY + "/tokens", "describeAuthorizationTokens"),
        ("POST", _REGISTRY + ":releaseAuthorizationToken", "releaseAuthorizationToken"),
    )
)
_NAME = r"/v2/(?P<repository>.+)"
_DATA = tuple(
    (methods.split("|"), re.compile(pattern), operation)
    for methods, pattern, operation in (
        ("GET|HEAD", "/v2/?", "ping"),
        ("GET|HEAD", _NAME + "/tags/list", "listTags"),
        ("GET|HEAD", _NAME + "/referrers/[^/]+", "listReferrers"),
        ("GET", _NAME + "/manifests/[^/]+", "getManifest"),
        ("HEAD", _NAME + "/manifests/[^/]+", "headManifest"),
        ("PUT", _NAME + "/manifests/[^/]+", "putManifest"),
        ("DELETE", _NAME + "/manifests/[^/]+", "deleteManifest"),
        ("POST", _NAME + "/blobs/uploads/?", "startUpload"),
        ("PATCH", _NAME + "/blobs/uploads/[^/]+", "patchUpload"),
        ("PUT", _NAME + "/blobs/uploads/[^/]+", "finishUpload"),
        ("GET|HEAD", _NAME + "/blobs/uploads/[^/]+", "getUpload"),
        ("DELETE", _NAME + "/blobs/uploads/[^/]+", "cancelUpload"),
        ("GET", _NAME + "/blobs/[^/]+", "getBlob"),
        ("HEAD", _NAME + "/blobs/[^/]+", "headBlob"),
        ("DELETE", _NAME + "/blobs/[^/]+", "deleteBlob"),
        ("GET|POST", ".*(auth|token)", "login"),
    )
)

# plane -> its operations, as the request log and faults name them
OPERATIONS = {
    plane: tuple(operation for _methods, _pattern, operation in table)
    for plane, table in (("control", _CONTROL), ("data", _DATA))
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@functools.lru_cache(maxsize=4096)
def control_operation(method: str, raw_path: str) -> tuple[str, dict[str, str]] | None:
    """The API operation and its path parameters (not to be changed), None when there is none of that method and path.

    The path is taken as sent: a slash of a repository name may come raw, as %2F or as %252F, a colon as : or %3A.
    """
    path = unquote(unquote(raw_path))
    for wanted, pattern, operation in _CONTROL:
        match = pattern.fullmatch(path) if wanted == method else None
        if match:
            return operation, match.groupdict()
    return None


def data_operation(method: str, path: str) -> str | None:
    """A name for what a registry client does, for the request log and for faults."""
    for methods, pattern, operation in _DATA:
        if method in methods and pattern.fullmatch(path):
            return operation
    return None
