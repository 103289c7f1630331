# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo fails when a run is not what it has to be: its ticks mean something."""

from __future__ import annotations

import pytest

from tests.demo import checks
from tests.demo.checks import DemoFailed, Traffic
from tests.support.playbooks import Run, Task

READ = {"plane": "control", "write": False, "token_issued": False, "bytes_received": 70}
UPLOAD = {"plane": "data", "write": True, "token_issued": False, "bytes_received": 500}
ISSUE = {"plane": "control", "write": True, "token_issued": True, "bytes_received": 20}
LOOK = {"plane": "data", "write": False, "token_issued": False, "bytes_received": 0}


def task(name="Push images", *, status="ok", changed=True, items=(True, False), msg=None):
    results = [{"changed": item} for item in items]
    return Task("localhost", name, status, {"changed": changed, "results": results, "msg": msg})


def run(*tasks, code=0):
    return Run(code, "", tasks)


def test_traffic_is_counted():
    traffic = Traffic.of([READ, LOOK, UPLOAD, UPLOAD, ISSUE])
    assert traffic == Traffic(requests=5, tokens=1, writes=3, uploaded=1000)
    assert str(traffic) == "5 requests (tokens issued: 1, writes: 3, bytes uploaded: 1000)"


def test_reading_alone_passes():
    checks.has_only_read(Traffic.of([READ, LOOK]), "the second run")


@pytest.mark.parametrize(
    "traffic", [Traffic(1, 1, 0, 0), Traffic(1, 0, 1, 0), Traffic(1, 0, 0, 1)], ids=["token", "write", "upload"]
)
def test_anything_else_fails(traffic):
    with pytest.raises(DemoFailed, match="the second run was not only reading"):
        checks.has_only_read(traffic, "the second run")


def test_a_right_prediction_passes():
    checks.was_predicted(run(task()), run(task(msg="another text")))


def test_other_objects_than_those_of_the_plan_fail():
    plan, done = (run(task(checks.SUMS, items=(), msg=[f"+ {name}", "created: 1"])) for name in ("one", "another"))
    checks.was_predicted(plan, plan)
    with pytest.raises(DemoFailed, match=r"the plan was \+ one; created: 1; what was done is \+ another; created: 1"):
        checks.was_predicted(plan, done)


@pytest.mark.parametrize(
    ("planned", "done", "complaint"),
    [
        ([task()], [task(changed=False)], "predicted 'Push images' ok, changed"),
        ([task()], [task(items=(True, True))], r"was 'Push images' ok, changed, items \[True, True\]"),
        ([task()], [task(status="skipped")], "was 'Push images' skipped"),
        ([task()], [task("Pull images")], "was 'Pull images'"),
        ([task()], [task(), task()], "1 tasks were predicted, 2 were run"),
    ],
)
def test_a_wrong_prediction_fails(planned, done, complaint):
    with pytest.raises(DemoFailed, match=complaint):
        checks.was_predicted(run(*planned), run(*done))


def test_a_second_run_that_changes_something_fails():
    checks.has_changed_nothing(run(task(changed=False)))
    with pytest.raises(DemoFailed, match="changed something: Push images"):
        checks.has_changed_nothing(run(task()))


def test_a_failed_run_fails_with_its_message():
    checks.has_succeeded(run(task()))
    with pytest.raises(DemoFailed, match="task 'Push images' failed: no such image"):
        checks.has_succeeded(run(task(status="failed", msg="no such image"), code=2))
    with pytest.raises(DemoFailed, match="ansible-playbook ended with code 4"):
        checks.has_succeeded(run(code=4))
