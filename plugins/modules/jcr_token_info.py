#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_token_info
short_description: List valid tokens of registries, without their secrets
version_added: 0.2.0
description:
  - Tells which tokens of a registry are valid, until when, and how many more can be issued within the hour.
  - No secret is returned, and no token is issued.
options:
  registry:
    description:
      - Names of registries; a single one need not be a list. Left out, all of the region are looked at.
      - Those that do not exist are in RV(missing).
    type: list
    elements: str
    aliases: [registries]
  held:
    description: V(true) chooses the tokens in O(cache), V(false) those that only others can use.
    type: bool
  expiring_within:
    description:
      - Only tokens that expire within this time.
      - A number and a unit, C(w), C(d), C(h), C(m) (minutes) or C(s), for example V(90m) or V(1h30m).
    type: str
  sort:
    description:
      - What to order by, as it is called in RV(tokens); left out, by registry, and what expires first comes first.
    type: str
    choices: [registry, expires_at]
  cache:
    description:
      - The directory in which tokens are kept until they expire.
      - Without it, E(JCR_TOKEN_CACHE) is used, and then C(jdcloud-jcr) in the user's cache directory.
    type: path
attributes:
  diff_mode:
    support: N/A
    details: Nothing is ever changed.
extends_documentation_fragment:
  - jdcloud.jcr.order
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_token
  - module: jdcloud.jcr.jcr_login
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: The valid tokens of a registry
  jdcloud.jcr.jcr_token_info:
    registry: myshop
  register: shop

- name: The tokens of all registries of the region, what expires first comes first
  jdcloud.jcr.jcr_token_info:
    sort: expires_at

- name: Tokens that tasks on this machine can use
  jdcloud.jcr.jcr_token_info:
    registry: myshop
    held: true

- name: Tokens that die within the hour
  jdcloud.jcr.jcr_token_info:
    registry: [myshop, myshop-east]
    expiring_within: 1h

- name: Stop early if no token can be issued now
  jdcloud.jcr.jcr_token_info:
    registry: myshop
    limit: 1
  register: budget
  failed_when: budget.ledgers | selectattr("next_slot_at") | length > 0
"""

RETURN = r"""
---
tokens:
  description: The valid tokens that were chosen.
  returned: success
  type: list
  elements: dict
  contains:
    registry:
      description: The registry it is for.
      returned: always
      type: str
      sample: myshop
    region:
      description: The registry's region.
      returned: always
      type: str
      sample: cn-north-1
    id:
      description: What tells it from other tokens, 16 digits of its hash. Nobody can log in with that.
      returned: always
      type: str
      sample: 9f86d081884c7d65
    expires_at:
      description: When it expires; null if the service told that in an unknown form.
      returned: always
      type: str
      sample: "2026-01-02T00:34:56Z"
    expires_in:
      description: How many seconds it still lives, by the service's time; null if that is not known.
      returned: always
      type: int
      sample: 43200
    held:
      description: Whether it is in O(cache), so that tasks can use it. One that others had issued is not.
      returned: always
      type: bool
      sample: true
ledgers:
  description: The count of tokens of each registry that was looked at.
  returned: success
  type: list
  elements: dict
  contains:
    registry:
      description: The registry.
      returned: always
      type: str
      sample: myshop
    valid:
      description: How many valid tokens it has, whatever options chose of them.
      returned: always
      type: int
      sample: 1
    issued_last_hour:
      description: How many tokens were issued within the last hour, as far as O(cache) knows.
      returned: always
      type: int
      sample: 1
    next_slot_at:
      description: When the next token can be issued; null if one can be now.
      returned: always
      type: str
      sample: "2026-01-01T13:34:58Z"
matched:
  description: How many met all options, before O(limit).
  returned: success
  type: int
  sample: 1
missing:
  description: Those of O(registry) that do not exist.
  returned: success
  type: list
  elements: str
  sample: [myshop-lab]
error:
  description:
    - What went wrong, for programs; RV(ignore:msg) tells the same to people.
    - V(kind) is the class of the failure; V(act), V(object), V(message) (the cause) and V(cure) tell it.
    - V(code), V(status), V(request_id) and V(http_status) are what the service answered, null where it did not.
    - V(retryable) says whether the same task may succeed later as it is, V(attempts) how often the call was made.
  returned: failure
  type: dict
  sample:
    kind: not_found
    act: delete registry
    object: "'myregistry' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myregistry does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_token_info import SPEC, TokensInfo


def main() -> None:
    run_module(SPEC, TokensInfo)


if __name__ == "__main__":
    main()
