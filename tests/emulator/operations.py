# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The 15 operations of the API, in one table."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.emulator import api_images, api_quotas, api_registries, api_repositories, api_tokens
from tests.emulator.call import Call


@dataclasses.dataclass(frozen=True)
class Operation:
    """An operation: what runs it, whether it changes something, whether operation protection guards it."""

    run: t.Callable[[Call], dict[str, t.Any] | None]
    writes: bool = False
    sensitive: bool = False


OPERATIONS = {
    "describeRegistries": Operation(api_registries.describe_registries),
    "createRegistry": Operation(api_registries.create_registry, writes=True),
    "describeRegistry": Operation(api_registries.describe_registry),
    "deleteRegistry": Operation(api_registries.delete_registry, writes=True, sensitive=True),
    "checkRegistryName": Operation(api_registries.check_registry_name),
    "createRepository": Operation(api_repositories.create_repository, writes=True),
    "describeRepositories": Operation(api_repositories.describe_repositories),
    "deleteRepository": Operation(api_repositories.delete_repository, writes=True, sensitive=True),
    "checkRepositoryName": Operation(api_repositories.check_repository_name),
    "describeImages": Operation(api_images.describe_images),
    "deleteImage": Operation(api_images.delete_image, writes=True, sensitive=True),
    "describeQuotas": Operation(api_quotas.describe_quotas),
    "getAuthorizationToken": Operation(api_tokens.get_authorization_token, writes=True),
    "describeAuthorizationTokens": Operation(api_tokens.describe_authorization_tokens),
    "releaseAuthorizationToken": Operation(api_tokens.release_authorization_token, writes=True),
}
