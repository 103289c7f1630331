# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options in _options.CONNECTION."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach the service, and as whom."""

    DOCUMENTATION = r"""
options:
  access_key:
    description:
      - The access key of the account.
      - Without it, E(JDCLOUD_ACCESS_KEY) is used, and then the C(jdc) profile.
      - An explicit O(profile) wins over the environment.
      - An empty text for this, O(secret_key) or O(profile) is refused. Otherwise a variable that is empty by mistake
        would have the task work on the account that the environment names.
    type: str
  secret_key:
    description:
      - The secret key that belongs to O(access_key).
      - Without it, E(JDCLOUD_SECRET_KEY) is used, and then the C(jdc) profile.
    type: str
  security_token:
    description:
      - A security token for accounts that have operation protection (MFA) switched on; deleting needs it there.
      - Without it, E(JDCLOUD_SECURITY_TOKEN) is used.
    type: str
  profile:
    description:
      - A profile of the C(jdc) command line client, in C(~/.jdc/config). What it says of keys, O(region) and
        O(endpoint) wins over the environment.
      - Without it, E(JDCLOUD_PROFILE) is used, and then the profile that C(jdc) has in C(~/.jdc/current); the
        environment wins over these.
    type: str
  region:
    description:
      - The region, for example V(cn-north-1), V(cn-east-2) or V(cn-south-1).
      - Without it, E(JDCLOUD_REGION) is used, then the profile's region, and then V(cn-north-1).
      - Another well-formed region is let through with a warning.
    type: str
    aliases: [region_id]
  endpoint:
    description:
      - The address of the service's OpenAPI.
      - Without it, E(JDCLOUD_ENDPOINT) is used, and then V(https://containerregistry.jdcloud-api.com).
      - An address with V(http://) is accepted for this machine only (an emulator).
    type: str
  validate_certs:
    description:
      - Whether to check the certificate of the service.
      - Switching this off lets anybody on the way read and change what is sent.
    type: bool
    default: true
  ca_path:
    description:
      - A file or folder with the certificates to trust instead of the system's.
      - Without it, E(JDCLOUD_CA_PATH) is used, E(REQUESTS_CA_BUNDLE) or E(CURL_CA_BUNDLE).
    type: path
  timeout:
    description: How many seconds one attempt to reach the service may take.
    type: float
    default: 20.0
  deadline:
    description:
      - How many seconds the whole task may take.
      - Left out, it is 300 seconds, but for M(jdcloud.jcr.jcr_image), where a transfer takes as long as it gets on.
    type: float
  retries:
    description:
      - How often a call is repeated after a failure that may pass.
      - The pauses grow from half a second to 20 seconds; with the default they come to 8 to 15 seconds in all. As long
        as the task could not reach the service at all, they stay at half a second.
      - With C(-v) each one is shown, unless the task runs as a module.
      - A write whose answer was lost is never sent again; whether it was done is found out by reading.
    type: int
    default: 5
  allowed_registry_hosts:
    description:
      - Further hosts (V(host) or V(host:port)) that may receive a token.
      - The host that the service names for a registry must be the documented one or stand in this list.
      - Hosts of this machine are accepted if O(endpoint) is on this machine too.
      - Where a registry keeps its layers on another host and redirects who reads them, that has to be one of these,
        too. It is asked without the token.
    type: list
    elements: str
    default: []
"""
