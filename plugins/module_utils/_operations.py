# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The 15 operations of the service as data (API 1.0.1, the API pages and the official SDKs).

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError

# May an operation be sent again when its outcome is not known?
SAFE = "safe"  # it reads only
BY_NAME = "by_name"  # it writes; whether it was done can be read back by the object's name
NEVER = "never"  # it writes, each time something new

_ABSENT = type(None)


class Operation(t.NamedTuple):
    """One call of the API.

    C(path), C(act) and C(obj) are for requests and messages: the path and the object are str.format templates over
    region, registry and repository. C(answer) gives the accepted types of each field of the result; a field that may be
    null or absent lists type(None). C(repeat) is one of SAFE, BY_NAME and NEVER.
    """

    name: str
    method: str
    path: str
    act: str
    obj: str
    writes: bool
    repeat: str
    paged: bool = False
    answer: t.Mapping[str, type | tuple[type, ...]] = {}

    def path_for(self, **names: str) -> str:
        """The path for these names, each quoted, so that no name can lead to another resource.

        The '/' of a repository's name stays as it is: five official SDKs send it so. Raises RuleError for a name whose
        path a proxy could shorten.
        """
        for name in names.values():
            if not all(stage.strip(".") for stage in name.split("/")):
                raise RuleError(f"{name!r} cannot stand in a path", cure="Check the name for '.', '..' and '//'.")
        return self.path.format(**{key: urllib.parse.quote(name, safe="/") for key, name in names.items()})


_REGION = "/v1/regions/{region}"
_REGISTRY = _REGION + "/registries/{registry}"
_REPOSITORY = _REGISTRY + "/repositories/{repository}"
_THE_REGION = "in {region}"
_THE_REGISTRY = "'{registry}' in {region}"
_THE_REPOSITORY = "'{repository}' in registry '{registry}' in {region}"
_ITS_TOKENS = "of registry '{registry}' in {region}"

_LIST = (list, _ABSENT)  # an empty list may come as null
_TOTAL = (int, float, _ABSENT)  # documented as a number only; the listing of registries has none

DESCRIBE_REGISTRIES = Operation(
    "describeRegistries",
    "GET",
    _REGION + "/registries",
    act="list registries",
    obj=_THE_REGION,
    writes=False,
    repeat=SAFE,
    answer={"registries": _LIST},
)
CREATE_REGISTRY = Operation(
    "createRegistry",
    "POST",
    _REGION + "/registries",
    act="create registry",
    obj=_THE_REGISTRY,
    writes=True,
    repeat=BY_NAME,
    answer={"registry": dict},
)
DESCRIBE_REGISTRY = Operation(
    "describeRegistry",
    "GET",
    _REGISTRY,
    act="read registry",
    obj=_THE_REGISTRY,
    writes=False,
    repeat=SAFE,
    answer={"registry": dict},
)
DELETE_REGISTRY = Operation(
    "deleteRegistry",
    "DELETE",
    _REGISTRY,
    act="delete registry",
    obj=_THE_REGISTRY,
    writes=True,
    repeat=BY_NAME,
)
CHECK_REGISTRY_NAME = Operation(
    "checkRegistryName",
    "POST",
    _REGION + "/registries:checkRegistryName",
    act="check the registry name",
    obj=_THE_REGISTRY,
    writes=False,
    repeat=SAFE,
    answer={"code": (int, float), "reason": (str, _ABSENT)},
)
CREATE_REPOSITORY = Operation(
    "createRepository",
    "POST",
    _REGISTRY + "/repositories",
    act="create repository",
    obj=_THE_REPOSITORY,
    writes=True,
    repeat=BY_NAME,
    answer={"repository": dict},
)
DESCRIBE_REPOSITORIES = Operation(
    "describeRepositories",
    "POST",
    _REGION + "/listRepositories",
    act="list repositories",
    obj=_THE_REGION,
    writes=False,
    repeat=SAFE,
    paged=True,
    answer={"repositories": _LIST, "totalCount": _TOTAL},
)
DELETE_REPOSITORY = Operation(
    "deleteRepository",
    "DELETE",
    _REPOSITORY,
    act="delete repository",
    obj=_THE_REPOSITORY,
    writes=True,
    repeat=BY_NAME,
)
CHECK_REPOSITORY_NAME = Operation(
    "checkRepositoryName",
    "POST",
    _REGION + "/repositories:checkRepositoryName",
    act="check the repository name",
    obj=_THE_REPOSITORY,
    writes=False,
    repeat=SAFE,
    answer={"code": (int, float), "reason": (str, _ABSENT)},
)
DESCRIBE_IMAGES = Operation(
    "describeImages",
    "GET",
    _REGION + "/images",
    act="list images of repository",
    obj=_THE_REPOSITORY,
    writes=False,
    repeat=SAFE,
    paged=True,
    answer={"imageDetails": _LIST, "totalCount": _TOTAL},
)
DELETE_IMAGE = Operation(
    "deleteImage",
    "POST",
    _REPOSITORY + ":deleteImage",
    act="delete an image of repository",
    obj=_THE_REPOSITORY,
    writes=True,
    repeat=BY_NAME,
)
DESCRIBE_QUOTAS = Operation(
    "describeQuotas",
    "GET",
    _REGION + "/quotas",
    act="read quotas",
    obj=_THE_REGION,
    writes=False,
    repeat=SAFE,
    answer={"quotas": _LIST},
)
ISSUE_TOKEN = Operation(
    "getAuthorizationToken",
    "POST",
    _REGISTRY + ":getAuthorizationToken",
    act="issue a token",
    obj="for registry '{registry}' in {region}",
    writes=True,
    repeat=NEVER,
    answer={"authorizationToken": str, "expiresAt": (str, int, float, _ABSENT)},
)
# Documented with paging parameters and with the remark that they are not supported yet: both must be expected.
DESCRIBE_TOKENS = Operation(
    "describeAuthorizationTokens",
    "GET",
    _REGISTRY + "/tokens",
    act="list tokens",
    obj=_ITS_TOKENS,
    writes=False,
    repeat=SAFE,
    paged=True,
    answer={"authorizationTokens": _LIST, "totalCount": _TOTAL},
)
RELEASE_TOKEN = Operation(
    "releaseAuthorizationToken",
    "POST",
    _REGISTRY + ":releaseAuthorizationToken",
    act="release tokens",
    obj=_ITS_TOKENS,
    writes=True,
    repeat=BY_NAME,
)

OPERATIONS: t.Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        DESCRIBE_REGISTRIES,
        CREATE_REGISTRY,
        DESCRIBE_REGISTRY,
        DELETE_REGISTRY,
        CHECK_REGISTRY_NAME,
        CREATE_REPOSITORY,
        DESCRIBE_REPOSITORIES,
        DELETE_REPOSITORY,
        CHECK_REPOSITORY_NAME,
        DESCRIBE_IMAGES,
        DELETE_IMAGE,
        DESCRIBE_QUOTAS,
        ISSUE_TOKEN,
        DESCRIBE_TOKENS,
        RELEASE_TOKEN,
    )
}
