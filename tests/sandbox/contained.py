"""Attempts whose programs run in containers of an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from elsewhere_sandbox.spec import DockerPolicy, PackagePolicy
from tests.engine import PYTHON, Dockerd
from tests.sandbox.attempts import Attempt, Attempts


class Contained:
    """Makes attempts of `attempts` in containers of `engine`."""

    def __init__(self, attempts: Attempts, engine: Dockerd) -> None:
        self.engine = engine
        self._attempts = attempts

    def make(
        self,
        program: str,
        *,
        image: str = PYTHON,
        arguments: tuple[str, ...] = (),
        docker: dict[str, Any] | None = None,
        source: dict[str, Any] | None = None,
        packages: tuple[str, ...] = (),
        python: str = "",
        installer: str = "",
        pre_packages: tuple[str, ...] = (),
        runtime: str = "docker",
        **fields: Any,
    ) -> Attempt:
        """`docker` are fields of the operator's policy, as are `installer` and `pre_packages`; the
        others are the task's, or those of `Attempts.make`."""
        policy = DockerPolicy(**{"url": self.engine.url, **(docker or {})})
        attempt = self._attempts.make(
            program,
            runtime=runtime,
            docker=policy,
            packages=PackagePolicy(installer=installer, pre_packages=pre_packages),
            **fields,
        )
        spec = attempt.spec
        environment = replace(
            spec.record.environment,
            image=image,
            image_arguments=arguments,
            packages=packages,
            python=python,
        )
        code = replace(spec.record.source, **(source or {}))
        record = replace(spec.record, environment=environment, source=code)
        attempt.spec = replace(spec, record=record)
        return attempt

    def run(self, program: str, **fields: Any) -> Attempt:
        attempt = self.make(program, **fields)
        attempt.run()
        return attempt

    def left(self) -> list[str]:
        """The containers of these attempts that are there, in whatever state."""
        client = self.engine.client()
        label = f"elsewhere.home={self._attempts.home.path}"
        try:
            found = client.containers.list(all=True, filters={"label": label})
            return [one.name or "" for one in found]
        finally:
            client.close()
