# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two adapters of the Host port: inside a module, and inside the controller's worker.

This module util is private to the collection; the only one that knows AnsibleModule.
"""

from __future__ import annotations

import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, _load_params
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator, ValidationResult
from ansible.module_utils.errors import UnsupportedError

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError, JcrError
from ansible_collections.jdcloud.jcr.plugins.module_utils._options import ArgumentSpec
from ansible_collections.jdcloud.jcr.plugins.module_utils._resource import Host, Resource, run
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Redactor, Secret, forms

Build = t.Callable[[Host], Resource]

_SEE_DOCUMENTATION = "See the module's documentation."


class LocalHost:
    """What both adapters share: the task's options, its environment and its secrets."""

    # Exceptions that are Ansible's business (a host that cannot be reached), not failures of the task.
    passed_on: tuple[type[Exception], ...] = ()

    def __init__(self, params: t.Mapping[str, t.Any], check_mode: bool, diff_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.diff_mode = diff_mode
        self.environ: t.Mapping[str, str] = os.environ
        self.home = os.path.expanduser("~")
        self.redactor = Redactor()
        self.secrets: list[Secret] = []

    def keep_secret(self, secret: Secret) -> None:
        self.redactor.add(secret)
        self.secrets.append(secret)

    def scrub(self, value: t.Any) -> t.Any:
        return self.redactor.scrub(value)


class Module(AnsibleModule):
    """An AnsibleModule that tells of bad options, which it finds itself, as of every other failure."""

    def __init__(self, spec: ArgumentSpec) -> None:
        super().__init__(supports_check_mode=True, **spec.arguments())
        try:
            # What Ansible offers to modules that look at their options themselves: as they came, not converted yet.
            spec.check_given(_load_params())
            spec.check(self.params)
        except ConfigurationError as error:
            self.fail_json(**failed(error))

    def fail_json(self, msg: str, **result: t.Any) -> t.NoReturn:
        if "error" not in result:
            checked = getattr(self, "validation_result", None)  # of which Ansible itself would tell the first one only
            msg = _complaints(checked) if checked and checked.error_messages else msg
            result.update(failed(ConfigurationError(msg, cure=_SEE_DOCUMENTATION)))
            msg = result.pop("msg")
        super().fail_json(msg, **result)

    def add_path_info(self, kwargs: dict[str, t.Any]) -> dict[str, t.Any]:
        """Leave a result with C(dest) as it is; Ansible would add owner and mode, but only to that of a module."""
        return kwargs


class ModuleHost(LocalHost):
    """A task that runs as a module, on any machine."""

    def __init__(self, module: AnsibleModule) -> None:
        super().__init__(module.params, module.check_mode, module._diff)
        self._module = module

    def warn(self, text: str) -> None:
        self._module.warn(self.scrub(text))

    def show(self, text: str, *, verbosity: int = 0) -> None:
        """What a module writes is its result and nothing else; Ansible waits for its end anyway."""


class ControllerHost(LocalHost):
    """A task that runs inside the controller's worker, on behalf of an action plugin.

    C(display) shows a line on Ansible's screen, from a verbosity on; without it nothing is shown.
    """

    def __init__(
        self,
        params: t.Mapping[str, t.Any],
        check_mode: bool,
        diff_mode: bool,
        display: t.Callable[[str, int], None] | None = None,
    ) -> None:
        super().__init__(params, check_mode, diff_mode)
        self.warnings: list[str] = []
        self._display = display

    def warn(self, text: str) -> None:
        self.warnings.append(self.scrub(text))

    def show(self, text: str, *, verbosity: int = 0) -> None:
        if self._display:
            self._display(self.scrub(text), verbosity)

    def told(self) -> dict[str, t.Any]:
        """What belongs into the task's result besides that of the resource."""
        return {"warnings": self.warnings} if self.warnings else {}


def run_module(spec: ArgumentSpec, build: Build, adapter: type[ModuleHost] = ModuleHost) -> None:
    """The body of every module: read the options, run the resource, say what came of it."""
    module = Module(spec)
    host = adapter(module)
    result, secret_result = perform(host, build)
    if not secret_result:
        # A second net under the redactor. A secret that the task asked for would be masked by it as well.
        for secret in host.secrets:
            module.no_log_values.update(forms(secret.reveal()))
    leave = module.fail_json if result.get("failed") else module.exit_json
    leave(**with_secrets(result, secret_result))


def perform(host: LocalHost, build: Build) -> tuple[dict[str, t.Any], dict[str, dict[str, t.Any]]]:
    """Run a resource; returns the scrubbed result, and apart from it the secrets that the task asked for."""
    built: list[Resource] = []

    def remember(port: Host) -> Resource:
        built.append(build(port))
        return built[0]

    result = _guarded(host, lambda: run(host, remember))
    return result, {} if result.get("failed") else built[0].secret_result()


def _guarded(host: LocalHost, work: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """The scrubbed result of C(work), a failed one included.

    Nothing is ever raised out of a task but what C(host.passed_on) names.
    """
    try:
        result = work()
    except host.passed_on:
        raise
    except JcrError as error:
        result = failed(error)
    except Exception as error:  # a defect: Ansible would print the options, secrets included, with its traceback
        result = _defect(error)
    return host.redactor.scrub(result)


def _defect(error: Exception) -> dict[str, t.Any]:
    where = traceback.extract_tb(error.__traceback__)[-1]
    failure = JcrError(
        f"internal error in {os.path.basename(where.filename)}, line {where.lineno}: {type(error).__name__}: {error}",
        cure="This is a defect of the collection: please report it with this text.",
    )
    failure.changed = getattr(error, "changed", False)
    return failed(failure)


def failed(error: JcrError) -> dict[str, t.Any]:
    return {"failed": True, "changed": error.changed, **error.result, **error.failure()}


def run_step(spec: ArgumentSpec, step: t.Callable[[t.Any], t.Any], adapter: type[ModuleHost]) -> None:
    """The body of jcr_on_host: one call whose answer is the whole result."""
    module = Module(spec)
    host = adapter(module)
    result = _guarded(host, lambda: {"changed": False, "answer": step(host)})
    leave = module.fail_json if result.get("failed") else module.exit_json
    leave(**result)


def with_secrets(result: dict[str, t.Any], secret_result: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
    """The result with the secrets put where they were asked for."""
    return {**result, **{key: {**result[key], **secrets} for key, secrets in secret_result.items()}}


def validated(spec: ArgumentSpec, given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Options as AnsibleModule would give them to a module: checked, converted, defaults filled in.

    Raises ConfigurationError with all complaints at once.
    """
    arguments = spec.arguments()
    checked = ArgumentSpecValidator(arguments.pop("argument_spec"), **arguments).validate(given)
    if checked.error_messages:
        raise ConfigurationError(_complaints(checked), cure=_SEE_DOCUMENTATION)
    spec.check(checked.validated_parameters)
    return checked.validated_parameters


def _complaints(checked: ValidationResult) -> str:
    """All that is wrong with a task's options; what Ansible tells twice, with and without the option's name, once."""
    texts = dict.fromkeys(
        f"unsupported parameters: {error.msg}" if isinstance(error, UnsupportedError) else error.msg
        for error in checked.errors
    )
    return "; ".join(text for text in texts if not any(text in other for other in texts if other != text))
