# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A push through an engine leaves none of its own names behind, and tells why it failed itself."""

from __future__ import annotations

import types
import typing as t

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import EngineError, JcrError, TransferRefused
from ansible_collections.jdcloud.jcr.plugins.module_utils._localcontent import LocalContent

HOST = "myshop-cn-north-1.jcr.service.jdcloud.com"
NAME = f"{HOST}/shop/web:1.0"


class FailingEngine:
    """An engine that has the image under no other name, and fails to push it; C(stuck): and to remove a name."""

    def __init__(self, stuck: bool, failure: BaseException) -> None:
        self._stuck = stuck
        self._failure = failure
        self.removed: list[str] = []

    def inspect(self, reference: str) -> None:
        return None

    def tag(self, source: str, target: str) -> None:
        assert (source, target) == ("web:build", NAME)

    def push(self, *args: t.Any, **options: t.Any) -> t.NoReturn:
        raise self._failure

    def remove(self, reference: str) -> None:
        self.removed.append(reference)
        if self._stuck:
            raise EngineError("the Docker Engine is gone")


@pytest.mark.parametrize("failure", [TransferRefused("denied"), KeyboardInterrupt()], ids=["refused", "interrupted"])
@pytest.mark.parametrize("stuck", [False, True])
def test_the_error_of_a_push_is_not_hidden_by_tidying_up(stuck: bool, failure: BaseException) -> None:
    engine = FailingEngine(stuck, failure)
    params = {"source": "web:build", "keep_local_tag": False}
    content = LocalContent(types.SimpleNamespace(params=params, engine=lambda: engine), types.SimpleNamespace())
    token = types.SimpleNamespace(username="jdcloud", password=None)
    delivery = types.SimpleNamespace(
        target=types.SimpleNamespace(host=HOST, repository="shop/web", verify=True, allowed_hosts=()),
        guards=types.SimpleNamespace(guarded=lambda tag: False),
        login=types.SimpleNamespace(through=lambda work: work(token)),
        session=types.SimpleNamespace(deadline=None),
        layer_told=None,
    )
    with pytest.raises((JcrError, KeyboardInterrupt)) as caught:
        next(content.send(delivery, ["1.0"]))
    assert caught.value is failure
    assert engine.removed == [NAME]
