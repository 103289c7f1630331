#!/usr/bin/python
# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: jcr_token
short_description: Have a valid token of a registry, rotate it, or release tokens
version_added: 0.1.0
description:
  - Makes sure that there is a token with which docker clients can log in to a registry, and that it lives long enough.
    A token that was issued earlier is used again while it does, so running the task again issues nothing.
  - The service issues at most 5 tokens an hour, shows each one only once, and lets each one die after 24 hours at the
    latest. So tokens are kept in O(cache), which all tasks of this collection share.
  - No secret is returned unless O(return_secret=true) asks for it, and then it is in no output. Most playbooks need no
    secret at all, since M(jdcloud.jcr.jcr_login) and M(jdcloud.jcr.jcr_image) take their tokens from the same cache.
  - How tokens are shared, counted, rotated and purged is told in C(docs/tokens.md) of the collection.
options:
  registry:
    description: The name of the registry.
    type: str
    required: true
  state:
    description:
      - V(present) means that there is a valid token that lives longer than O(min_remaining), and V(absent) that tokens
        are released.
      - V(rotated) always gets a new one in the place of those in O(cache). It is issued, proven at the registry, put
        into O(cache) and O(dest), and only then the old ones are released. Whatever stops it, a valid token stays in
        O(cache); running the task again within the hour goes on where it stopped, without another issue. An old one
        that may be somebody else's (see O(all)) is replaced, but not released.
      - With V(rotated), O(on_rate_limit=reuse) is as V(fail), since a token that is there is no new one.
    type: str
    choices: [present, absent, rotated]
    default: present
  dest:
    description:
      - An C(.xlsx) file to write the token to, as the console offers it for download, readable by its owner only.
      - A directory gets a file called C(<registry>-token.xlsx). The name of a file ends with C(.xlsx).
      - A file that is there already is replaced only if it holds a token.
    type: path
  source_xlsx:
    description:
      - With O(state=present), a file with a token that was issued elsewhere, as the console offers it for download. The
        token is taken into O(cache), so that no issue is needed; O(dest) may write it again.
      - The file is refused unless it holds exactly one token, which the service lists as a valid one of O(registry) and
        which lives longer than O(min_remaining).
    type: path
    version_added: 0.2.0
  return_secret:
    description:
      - Whether to return RV(token.password) and RV(token.authorization_token).
      - The task's result is then kept out of every output, but it can be registered. An asynchronous task cannot do
        that, since its result is kept in a file.
    type: bool
    default: false
  token:
    description:
      - With O(state=absent), the one token to release, as its RV(jdcloud.jcr.jcr_token_info#module:tokens[].id), its
        authorization token or its password.
      - One that the service does not list is released already; one of another registry is refused, and so is null.
    type: str
  all:
    description:
      - With O(state=absent), release all valid tokens of the registry, whoever had them issued.
      - With neither this nor O(token), those in O(cache) are released; but not one whose answer was lost, and that was
        found in the service's list, since it may be somebody else's. A warning tells of it.
    type: bool
    default: false
attributes:
  idempotent:
    support: partial
    details: But for O(state=rotated), which gets a new token each time.
extends_documentation_fragment:
  - jdcloud.jcr.token
  - jdcloud.jcr.connection
  - jdcloud.jcr.attributes
seealso:
  - module: jdcloud.jcr.jcr_login
  - module: jdcloud.jcr.jcr_image
  - name: JD Cloud Container Registry
    description: The vendor's documentation of the service.
    link: https://docs.jdcloud.com/en/container-registry/product-overview
author:
  - the jdcloud.jcr contributors (@jdcloud-jcr)
"""

EXAMPLES = r"""
---
- name: A token that lives for at least 30 minutes more
  jdcloud.jcr.jcr_token:
    registry: myshop

- name: A token for a long night, and the file that the console would offer
  jdcloud.jcr.jcr_token:
    registry: myshop
    hours: 24
    min_remaining: 600
    dest: ~/

- name: Wait for a slot if 5 tokens were issued within the last hour
  jdcloud.jcr.jcr_token:
    registry: myshop
    on_rate_limit: wait
    deadline: 4000

- name: The password itself, for a tool that this collection does not know
  jdcloud.jcr.jcr_token:
    registry: myshop
    return_secret: true
  register: jcr

- name: A new token every night, and the old one void
  jdcloud.jcr.jcr_token:
    registry: myshop
    state: rotated
    dest: ~/myshop-token.xlsx

- name: Use the token that a colleague had issued in the console
  jdcloud.jcr.jcr_token:
    registry: myshop
    source_xlsx: ~/Downloads/myshop-token.xlsx

- name: Release the tokens that tasks on this machine had issued
  jdcloud.jcr.jcr_token:
    registry: myshop
    state: absent

- name: Release all tokens of the registry
  jdcloud.jcr.jcr_token:
    registry: myshop
    state: absent
    all: true
"""

RETURN = r"""
---
token:
  description: The token; null with O(state=absent).
  returned: success
  type: dict
  contains:
    registry:
      description: The registry it is for.
      returned: always
      type: str
      sample: myshop
    host:
      description: The host to log in to.
      returned: always
      type: str
      sample: myshop-cn-north-1.jcr.service.jdcloud.com
    hosts:
      description: All hosts of the registry, the one inside the VPC included.
      returned: always
      type: list
      elements: str
      sample:
        - myshop-cn-north-1.jcr.service.jdcloud.com
        - myshop-cn-north-1-inner.jcr.service.jdcloud.com
    username:
      description: The user name to log in with.
      returned: always
      type: str
      sample: jdcloud
    expires_at:
      description: When it expires; null in check mode for a token to be issued.
      returned: always
      type: str
      sample: "2026-01-02T00:34:56Z"
    expires_in:
      description: How many seconds it still lives; null in check mode for a token to be issued.
      returned: always
      type: int
      sample: 43200
    issued:
      description: Whether this task had it issued.
      returned: always
      type: bool
      sample: true
    source:
      description: Where it came from, V(cache), V(api) or V(xlsx).
      returned: always
      type: str
      sample: api
    issued_last_hour:
      description:
        - How many tokens of the registry were issued within the last hour, as far as O(cache) knows.
        - Those of others are counted if they surely are of the last hour, as the service's list tells.
      returned: always
      type: int
      sample: 1
    next_slot_at:
      description: When the next token can be issued; null if one can be now.
      returned: always
      type: str
      sample: "2026-01-01T13:34:58Z"
    password:
      description: The password for docker clients.
      returned: with O(return_secret=true)
      type: str
      sample: VALUE_KEPT_OUT_OF_EVERY_OUTPUT
    authorization_token:
      description: The token as the service gave it.
      returned: with O(return_secret=true)
      type: str
      sample: VALUE_KEPT_OUT_OF_EVERY_OUTPUT
dest:
  description: The file that the token was written to; null if none was wanted.
  returned: success
  type: str
  sample: /home/me/myshop-token.xlsx
released:
  description: How many tokens were released, or would be in check mode.
  returned: success
  type: int
  sample: 0
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
    object: "'myshop' in cn-north-1"
    message: "the service answered 404 NOT_FOUND: registry myshop does not exist"
    cure: Check the name and the region.
    code: 404
    status: NOT_FOUND
    request_id: bbf8vinuw9142j3npttfgp2kg4vf9bj7
    http_status: 404
    retryable: false
    attempts: 1
"""

from ansible_collections.jdcloud.jcr.plugins.module_utils._host import run_module
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource_token import SPEC, build


def main() -> None:
    run_module(SPEC, build)


if __name__ == "__main__":
    main()
