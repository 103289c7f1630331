# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One registry with 10,000 repositories, as many as the service allows: listed, chosen from, converged."""

from __future__ import annotations

import time
import typing as t

from tests.support import figures
from tests.support.tasks import WAYS, Account, Run, run_here, run_module

NUMBER = 10_000
PAGE = 100
FEW = 7
REGISTRY = "myshop"
NAMES = [f"shop/part-{number:05}" for number in range(NUMBER)]
WANTED, OLD = NAMES[FEW:], NAMES[:FEW]


def wish(repositories: t.Iterable[str], **options: t.Any) -> dict[str, t.Any]:
    return {"registry": REGISTRY, "repositories": [{"name": name} for name in repositories], **options}


class Timed:
    """Runs tasks on one account, tells how long they took, and what they sent."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.sent = account.emulator.requests()

    def run(self, what: str, run: Run, module: str, options: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
        before = self.sent[-1]["index"]
        start = time.perf_counter()
        result = run(self.account, module, options, **more)
        seconds = time.perf_counter() - start
        self.sent = self.account.emulator.requests(before)
        assert not result.get("failed"), result["msg"]
        figures.tell(f"{NUMBER} repositories in one registry, {run.__name__}: {what} in {seconds:.1f} s")
        return result

    @property
    def writes(self) -> list[str]:
        return [entry["operation"] for entry in self.sent if entry["write"]]

    @property
    def pages(self) -> int:
        return sum(entry["operation"] == "describeRepositories" for entry in self.sent)


def test_ten_thousand_repositories(emulator, tmp_path) -> None:
    account = Account(emulator, tmp_path)
    run_here(account, "jcr_registry", {"name": REGISTRY})
    task = Timed(account)

    created = task.run("created", run_here, "jcr_repository", wish([*OLD, *WANTED[FEW:]]))
    assert created["summary"]["created"] == len(task.writes) == NUMBER - FEW

    purge = wish(WANTED, purge=True, max_delete=FEW)
    predicted = task.run("predicted", run_here, "jcr_repository", purge, check=True)
    assert task.writes == []
    converged = task.run("converged", run_module, "jcr_repository", purge)
    assert converged["diff"] == predicted["diff"]
    assert converged["summary"] == predicted["summary"]
    assert sorted(task.writes) == ["createRepository"] * FEW + ["deleteRepository"] * FEW

    for run in WAYS.values():
        at_rest = task.run("nothing to do", run, "jcr_repository", purge)
        assert (at_rest["changed"], at_rest["summary"]["unchanged"]) == (False, NUMBER - FEW)
        assert task.writes == []
        assert task.pages == NUMBER // PAGE
        assert [entry["name"] for entry in at_rest["repositories"]] == WANTED

        options = {"registry": REGISTRY, "regex": [".*7"], "sort": "name", "descending": True, "limit": 3}
        found = task.run("chosen from", run, "jcr_repository_info", options)
        sevens = [name for name in WANTED if name.endswith("7")]
        assert [entry["name"] for entry in found["repositories"]] == sevens[:-4:-1]
        assert (found["matched"], found["complete"]) == (len(sevens), True)
        assert task.pages == NUMBER // PAGE


def test_the_cap_holds_whatever_the_number(emulator, tmp_path) -> None:
    account = Account(emulator, tmp_path)
    run_here(account, "jcr_registry", {"name": REGISTRY})
    run_here(account, "jcr_repository", wish(NAMES[:1000]))
    for check in (True, False):
        result = run_here(account, "jcr_repository", wish(NAMES[:1], purge=True, max_delete=998), check=check)
        assert result["error"]["kind"] == "delete_cap"
        assert result["changed"] is False
    assert len(emulator.state()["registries"][0]["repositories"]) == 1000
