# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugins' common part: where a task runs, and how its result is kept silent.

This plugin util is private to the collection.

A task runs inside the controller's worker where that gives the same result as a module would (a module's process costs
many times as much as the whole in-process task: docs/architecture.md). Otherwise the module of the same name is
started as usual; with -vvv the log says which way was taken and why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import typing as t

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Deadline
from ansible_collections.jdcloud.jcr.plugins.module_utils._dockerhost import (
    ENGINE_OPTIONS,
    LOGIN_OPTIONS,
    DockerControllerHost,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._engineaddress import engine_address
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import (
    AuthenticationFailed,
    ConfigurationError,
    JcrError,
    from_failure,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._host import (
    Build,
    ControllerHost,
    failed,
    perform,
    validated,
    with_secrets,
)
from ansible_collections.jdcloud.jcr.plugins.module_utils._layerlog import LayerEvent, Progress
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import token_hours
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.plugin_utils._written import written_value

# What sends is imported where something is sent.
if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import Layer

IN_PROCESS_VARIABLE = "jcr_in_process"
ON_HOST = "jdcloud.jcr.jcr_on_host"
OWN_VARIABLES = ("JDCLOUD_", "JCR_")  # environment variables that begin so are for this collection only
KEY_VARIABLES = {"access_key": "JDCLOUD_ACCESS_KEY", "secret_key": "JDCLOUD_SECRET_KEY"}

display = Display()


class InProcessAction(ActionBase):
    """An action plugin of a module that needs nothing of its machine but the network.

    A subclass names C(spec) and C(build), the same as the module of its name.
    """

    _supports_check_mode = True
    _supports_async = True

    spec: ArgumentSpec
    build: t.ClassVar[Build]
    adapter: type[ControllerHost] = ControllerHost  # of the Host port, for a task that runs here

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        self._leave_out_defaults_of_other_states()
        secret_wanted = boolean(self._task.args.get("return_secret", False), strict=False)
        try:
            self._check(secret_wanted)
        except JcrError as error:
            result.update(failed(error.about("start", self._task.action)))
        else:
            result.update(self._performed(task_vars or {}))
        if secret_wanted and not result.get("failed"):
            # The only way that keeps a returned secret out of every output and still usable when registered. Before
            # ansible-core 2.19, the sum of a loop is judged by the task itself.
            result["_ansible_no_log"] = self._task.no_log = True
        return result

    def _leave_out_defaults_of_other_states(self) -> None:
        """Take C(module_defaults) for what they are: where they do not belong to the task's state, they do not count.

        The task itself may not name such an option; which of the two did is known here only, and by name.
        """
        task = self._task
        named: set[str] = set().union(*(each.get(task.resolved_action) or () for each in task.module_defaults or ()))
        left_out = named.intersection(self.spec.misplaced(task.args))
        task.args = {name: value for name, value in task.args.items() if name not in left_out}

    def _check(self, secret_wanted: bool) -> None:
        """Refuse what is wrong with the task as it is written, before Ansible has converted its options."""
        if secret_wanted and self._task.async_val:
            raise _secret_in_async_result().about("start", f"{self._task.action} with async")
        self.spec.check_given(self._task.args)
        if "hours" not in self.spec.options:
            return
        hours = written_value(self._task.get_ds() or {}, self._task.action, "hours")
        if isinstance(hours, str) and not self._templar.is_template(hours):
            # Ansible would make a number of it, as it must of what comes from a command line, name=value or a template.
            token_hours(str(hours))

    def _performed(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        obstacle = self._obstacle(task_vars)
        if obstacle:
            display.vvv(f"{self._task.action}: runs as a module, because {obstacle}")
            return self._run_module(task_vars)
        display.vvv(f"{self._task.action}: runs in the controller's process")
        return self._run_here(task_vars)

    def _obstacle(self, task_vars: dict[str, t.Any]) -> str | None:
        """Why this task has to run as a module; None if it can run here."""
        return self._switched_off(task_vars) or self._elsewhere(task_vars)

    def _switched_off(self, task_vars: dict[str, t.Any]) -> str | None:
        if self._task.async_val:
            return "it is asynchronous"
        switch = self._templar.template(task_vars.get(IN_PROCESS_VARIABLE, True))
        return None if str(switch).lower() in ("true", "yes", "on", "1") else f"{IN_PROCESS_VARIABLE} is false"

    def _elsewhere(self, task_vars: dict[str, t.Any]) -> str | None:
        """Why the task's machine, user or Python is not this process's own; None if it is."""
        if self._connection.transport != "local":
            return f"its connection is {self._connection.transport}"
        if self._connection.become is not None:
            return "it asks for another user"
        of_host = task_vars.get("ansible_delegated_vars", {}).get(self._task.delegate_to, task_vars)
        wanted = str(self._templar.template(of_host.get("ansible_python_interpreter", "auto")))
        return None if wanted.startswith("auto") or _is_this_python(wanted) else "it asks for another Python"

    def _run_module(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        wrap_async = bool(self._task.async_val and not self._connection.has_native_async)
        options, variables = _secrets_as_options(self._task.args, environment_of(self))
        with task_environment(self, variables), _silent_connection(self):
            result = self._execute_module(module_args=options, task_vars=task_vars, wrap_async=wrap_async)
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _run_here(self, task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        with surroundings_of_module(self, self._variables_here(task_vars)):
            try:
                params = validated(self.spec, self._task.args)
            except JcrError as error:
                return failed(error)
            host = self._host(params, task_vars)
            result, secret_result = perform(host, type(self).build)
        result.update(host.told(), invocation={"module_args": self._silenced(params)})
        return with_secrets(result, secret_result)

    def _host(self, params: dict[str, t.Any], task_vars: dict[str, t.Any]) -> ControllerHost:
        return self.adapter(params, self._task.check_mode, self._task.diff, self._screen(task_vars))

    def _screen(self, task_vars: dict[str, t.Any]) -> t.Callable[[str, int], None]:
        """What shows a line about this task's host at once, from a verbosity on.

        A worker's lines go to the main process as they come, and to standard error, so that a callback's JSON stays
        JSON. Under C(no_log) there are none.
        """
        prefix = f"[{task_vars.get('inventory_hostname')}]"
        silent = boolean(self._task.no_log, strict=False)

        def show(text: str, verbosity: int) -> None:
            if not silent and display.verbosity >= verbosity:
                display.display(f"{prefix} {text}", stderr=True)

        return show

    def _variables_here(self, task_vars: dict[str, t.Any]) -> dict[str, str]:
        """What of C(environment:) this process is to have."""
        return environment_of(self)

    def _silenced(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        """The options as a module would show them at -vvv."""
        silent = {name for name, option in self.spec.options.items() if option.get("no_log") and params.get(name)}
        return {name: "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" if name in silent else params[name] for name in params}


@contextlib.contextmanager
def _silent_connection(action: ActionBase) -> t.Iterator[None]:
    """Keep a module's answer that has a secret out of -vvv: the ssh connection prints what comes back, as it came."""
    context = action._connection._play_context
    before = context.no_log
    context.no_log = before or boolean(action._task.args.get("return_secret", False), strict=False)
    try:
        yield
    finally:
        context.no_log = before


class OnHostAction(InProcessAction):
    """An action plugin of a module that works on a host's Docker Engine or docker logins.

    The service is asked by the controller, so that the access key never leaves it and one token serves all hosts; what
    has to be done on the host is done there.
    """

    adapter = DockerControllerHost

    def _obstacle(self, task_vars: dict[str, t.Any]) -> str | None:
        return self._switched_off(task_vars)

    def _host(self, params: dict[str, t.Any], task_vars: dict[str, t.Any]) -> ControllerHost:
        elsewhere = self._elsewhere(task_vars)
        if elsewhere is None:
            return super()._host(params, task_vars)
        display.vvv(f"{self._task.action}: works on the host through {ON_HOST}, because {elsewhere}")
        return DistantHost(self, params, task_vars)

    def _variables_here(self, task_vars: dict[str, t.Any]) -> dict[str, str]:
        variables = super()._variables_here(task_vars)
        if self._elsewhere(task_vars) is None:
            return variables
        return {name: value for name, value in variables.items() if name.startswith(OWN_VARIABLES)}


class DistantHost(ControllerHost):
    """The engine and the logins of the task's own host, which is not the machine or the user of this process."""

    passed_on = (AnsibleError,)

    def __init__(self, action: OnHostAction, params: dict[str, t.Any], task_vars: dict[str, t.Any]) -> None:
        super().__init__(params, action._task.check_mode, action._task.diff, action._screen(task_vars))
        self._action = action
        self._task_vars = task_vars
        self._deprecations: list[t.Any] = []
        self._facts: dict[str, t.Any] = {}

    def engine(self) -> DistantEngine:
        return DistantEngine(self)

    def archives(self) -> DistantArchives:
        return DistantArchives(self)

    def docker_logins(self) -> DistantLogins:
        return DistantLogins(self)

    def given(self, name: str) -> t.Any:
        """An option as it was given: a path's ~ is to become the home of the host's user, not of this process."""
        return self._action._task.args.get(name)

    def call(self, step: str, arguments: dict[str, t.Any], secrets: t.Sequence[Secret] = ()) -> t.Any:
        """Run one step on the host; returns its answer, or raises the error that it failed with."""
        action = self._action
        names = (*ENGINE_OPTIONS, *LOGIN_OPTIONS)
        options = {name: self.given(name) for name in names if self.given(name) is not None}
        options.update(step=step, arguments=arguments, secrets=[secret.reveal() for secret in secrets])
        with account_hidden(action):
            result = action._execute_module(module_name=ON_HOST, module_args=options, task_vars=self._task_vars)
            action._remove_tmp_path(action._connection._shell.tmpdir)
        self._take_along(result)
        if result.get("failed") or "answer" not in result:
            raise from_failure(result) if "error" in result else _broken_step(result)
        return result["answer"]

    def _take_along(self, result: dict[str, t.Any]) -> None:
        """Keep what Ansible itself adds to a module's result: above all the interpreter that it has found."""
        for name, kept in (("warnings", self.warnings), ("deprecations", self._deprecations)):
            kept.extend(text for text in result.get(name, ()) if text not in kept)
        self._facts.update(result.get("ansible_facts") or {})

    def told(self) -> dict[str, t.Any]:
        extra = {"deprecations": self._deprecations, "ansible_facts": self._facts}
        return {**super().told(), **{name: value for name, value in extra.items() if value}}


class DistantEngine:
    """The Docker Engine of another host: the part of _engine.Engine that resources use.

    The events of a transfer cannot stream from there: C(progress) is told when the transfer is over, once of each layer
    that came to its end, and not at all of a transfer that failed.
    """

    def __init__(self, host: DistantHost) -> None:
        self._host = host
        self._call = host.call

    def check(self) -> None:
        """Refuse options that can never work; what the host's own environment says is seen there only."""
        options = {name: self._host.params.get(name) for name in ENGINE_OPTIONS}
        if options["docker_host"]:
            engine_address(**options).check()

    def inspect(self, reference: str) -> dict[str, t.Any] | None:
        return self._call("engine_inspect", {"reference": reference})

    def tag(self, source: str, target: str) -> None:
        self._call("engine_tag", {"source": source, "target": target})

    def remove(self, reference: str) -> list[dict[str, str]]:
        return self._call("engine_remove", {"reference": reference})

    def push(
        self,
        reference: str,
        username: str,
        password: Secret,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
        verify: bool | str = True,
        allowed_hosts: t.Sequence[str] = (),
    ) -> dict[str, t.Any]:
        trust = {"verify": verify, "allowed_hosts": list(allowed_hosts)}
        return self._transfer("engine_push", reference, username, password, deadline, progress, trust)

    def pull(
        self,
        reference: str,
        username: str,
        password: Secret,
        *,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> dict[str, t.Any]:
        return self._transfer("engine_pull", reference, username, password, deadline, progress)

    def _transfer(
        self,
        step: str,
        reference: str,
        username: str,
        password: Secret,
        deadline: Deadline,
        progress: Progress | None,
        trust: t.Mapping[str, t.Any] | None = None,
    ) -> dict[str, t.Any]:
        arguments = {"reference": reference, "username": username, "seconds": deadline.left(), **(trust or {})}
        answer = self._call(step, arguments, [password])
        for layer in answer["layers"] if progress else ():
            progress(LayerEvent(layer["id"], layer["state"], layer["bytes"] or 0, layer["bytes"]))
        return answer


class DistantArchives:
    """The archives of images on another host, as _archives.Archives offers them.

    C(progress) is told when the push is over, once of each layer, and not at all of a push that failed.
    """

    def __init__(self, host: DistantHost) -> None:
        self._call = host.call
        self._given = host.given

    def inspect(self, path: str, name: str | None = None, platforms: t.Sequence[str] | None = None) -> t.Any:
        path = self._given("archive") or path
        return self._call("archive_inspect", {"path": path, "name": name, "platforms": platforms})

    def push(
        self,
        path: str,
        name: str | None,
        platforms: t.Sequence[str] | None,
        target: t.Any,
        tags: t.Sequence[str],
        password: Secret,
        *,
        guards: t.Any,
        expected: t.Mapping[str, str | None],
        deadline: Deadline,
        renew: t.Callable[[], Secret] | None = None,
        progress: t.Callable[[Layer], None] | None = None,
    ) -> t.Any:
        """With another password the push begins anew, but what has arrived is not sent twice."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import Layer

        path = self._given("archive") or path
        arguments = {"path": path, "name": name, "platforms": platforms, "tags": tags, "expected": expected}
        arguments.update(target=dataclasses.asdict(target), guards=guards.arguments())
        try:
            answer = self._call("archive_push", {**arguments, "seconds": deadline.left()}, [password])
        except AuthenticationFailed:
            if renew is None:
                raise
            answer = self._call("archive_push", {**arguments, "seconds": deadline.left()}, [renew()])
        for layer in answer["transfer"]["layers"] if progress else ():
            progress(Layer(**layer))
        return answer


class DistantLogins:
    """The docker logins of another host or user, as _userlogins.UserLogins offers them."""

    def __init__(self, host: DistantHost) -> None:
        self._call = host.call

    def read(self, hosts: t.Sequence[str]) -> list[dict[str, t.Any]]:
        return self._call("logins_read", {"hosts": list(hosts)})

    def write(self, user: str | None, logins: t.Mapping[str, tuple[str, Secret]]) -> bool:
        usernames = {host: username for host, (username, password) in logins.items()}
        arguments = {"user": user, "usernames": usernames}
        return self._call("logins_write", arguments, [password for username, password in logins.values()])

    def erase(self, user: str | None, hosts: t.Sequence[str]) -> bool:
        return self._call("logins_erase", {"user": user, "hosts": list(hosts)})


def _secret_in_async_result() -> JcrError:
    return ConfigurationError(
        "the result of an asynchronous task is kept in a file and printed as it is, so that it cannot hold a secret",
        cure="Leave out async or return_secret. jcr_login and dest hand a token on without showing it.",
    )


def _broken_step(result: t.Mapping[str, t.Any]) -> JcrError:
    """The failure of a module that could not even start, which Ansible tells of in its own way."""
    said = str(result.get("module_stderr") or result.get("module_stdout") or "").strip()
    last_line = f" ({said.splitlines()[-1][:200]})" if said else ""
    return JcrError(
        f"the step on the host did not run: {str(result.get('msg') or 'it gave no answer').rstrip('.')}{last_line}",
        cure="Check that host's Python (ansible_python_interpreter); -vvv shows all of its output.",
    )


def _is_this_python(path: str) -> bool:
    """Whether this is the Python that runs here, perhaps by another of the names in its C(bin) directory."""
    same_program = os.path.realpath(path) == os.path.realpath(sys.executable)
    return same_program and os.path.dirname(path) == os.path.dirname(sys.executable)


def _secrets_as_options(
    args: t.Mapping[str, t.Any], variables: t.Mapping[str, str]
) -> tuple[dict[str, t.Any], dict[str, str]]:
    """A task's options and C(environment:), with the secrets of the latter told by options.

    Ansible would put them on the command line of the host's shell, where everybody sees them, and into its own log at
    -vvv. What the task's own options outdo is left out; a key without the other one stays where it is.
    """
    options, rest = dict(args), dict(variables)
    token = rest.pop("JDCLOUD_SECURITY_TOKEN", None)
    if token and not args.get("security_token"):
        options["security_token"] = token
    keys = {option: variables.get(variable) for option, variable in KEY_VARIABLES.items()}
    outdone = any(args.get(name) is not None for name in (*keys, "profile"))
    if outdone or all(keys.values()):
        rest = {name: value for name, value in rest.items() if name not in KEY_VARIABLES.values()}
        options.update({} if outdone else keys)
    return options, rest


def environment_of(action: ActionBase) -> dict[str, str]:
    """What C(environment:) sets for a task."""
    wanted: dict[str, t.Any] = {}
    action._compute_environment_string(wanted)
    return {name: str(value) for name, value in wanted.items()}


@contextlib.contextmanager
def task_environment(action: ActionBase, variables: dict[str, str]) -> t.Iterator[None]:
    """Let C(environment:) be this for a while."""
    given = action._task.environment
    action._task.environment = [variables]
    try:
        yield
    finally:
        action._task.environment = given


@contextlib.contextmanager
def surroundings_of_module(action: ActionBase, variables: dict[str, str]) -> t.Iterator[None]:
    """Give this process for a while what a module's process would have: its variables, and the playbook's folder.

    So a relative path means the same in both.
    """
    folder = os.getcwd()
    os.chdir(action._loader.get_basedir())
    try:
        with environment(variables):
            yield
    finally:
        os.chdir(folder)


@contextlib.contextmanager
def account_hidden(action: ActionBase) -> t.Iterator[None]:
    """Keep the account's variables from the processes that are started for a while, on whatever machine."""
    others = {name: value for name, value in environment_of(action).items() if not name.startswith(OWN_VARIABLES)}
    hidden = {name: None for name in os.environ if name.startswith(OWN_VARIABLES)}
    with task_environment(action, others), environment(hidden):
        yield


@contextlib.contextmanager
def environment(changes: t.Mapping[str, str | None]) -> t.Iterator[None]:
    """Change environment variables of this process for a while; None takes one away."""
    before = {name: os.environ.get(name) for name in changes}
    try:
        _set_environment(changes)
        yield
    finally:
        _set_environment(before)


def _set_environment(values: t.Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
