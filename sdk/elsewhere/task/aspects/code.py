"""A task's code and environment: read, and changed by hand."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from elsewhere.core.checks import checked_text
from elsewhere.core.errors import NotFoundError, StorageError, UsageError
from elsewhere.core.late_logger import late_logger
from elsewhere.task.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from elsewhere.core.records import Environment, Source

logger = late_logger(__name__)


class CodeAspect(Handle):
    """Code and environment can be changed while the task is a draft or runs.

    None leaves what is there, an empty text clears it. In the run of an agent nothing is changed:
    there the task's own count, and the script only repeats its earlier calls.
    """

    def set_repo(
        self, repo: str | None = None, branch: str | None = None, commit: str | None = None
    ) -> None:
        """Sets `repo`, the URL of the repository, `branch` and `commit`; uncommitted changes stay,
        and are applied to the other commit. Raises UsageError for a wrong argument, and
        TransitionError unless the task is a draft or runs."""
        self.set_script(repository=repo, branch=branch, commit=commit)

    def set_script(
        self,
        repository: str | None = None,
        branch: str | None = None,
        commit: str | None = None,
        diff: str | None = None,
        working_dir: str | None = None,
        entry_point: str | None = None,
        binary: str | None = None,
        argv: Sequence[str] | str | None = None,
    ) -> None:
        """Sets `repository`, a URL, `branch`, `commit`, and what runs. `diff` is the output of `git
        diff --binary`; `entry_point` is relative to `working_dir`, or `-m package.module`, maybe
        with its words. `binary` is a Python, whose version counts, or another program that runs the
        entry point. `argv` are the arguments of the script, a list or one text; a parameter that
        they give is not an edit any more. Raises UsageError for a wrong argument, and
        TransitionError unless the task is a draft or runs."""
        import hashlib  # noqa: PLC0415 - weight, as all imports here

        from elsewhere.capture import by_hand  # noqa: PLC0415
        from elsewhere.core.events import Parameters  # noqa: PLC0415
        from elsewhere.core.params import yielding  # noqa: PLC0415

        if not self._may_describe():
            return
        patch = None
        if diff is not None:
            text = checked_text("The diff", diff)
            given = text.encode(errors="surrogateescape") if text.strip() else b""
            patch = hashlib.sha256(given).hexdigest() if given else ""
            if given:
                self.access.store.put_blob(patch, given)
        record = self.access.record
        source = by_hand.with_code(
            record.source,
            repository=repository,
            branch=branch,
            commit=commit,
            patch=patch,
            working_dir=working_dir,
            entry_point=entry_point,
        )
        source, environment = by_hand.with_binary(source, record.environment, binary)
        if argv is not None:
            source = source.with_words(by_hand.argv_of(argv))
            if yielded := yielding(record.parameters, source.argv):
                self.access.record_input(Parameters(values=yielded))
        self._describe(source, environment)

    def get_script(self) -> dict[str, str]:
        """The code as a dict: repository, branch, commit, working_dir, entry_point (`-m` before a
        module), argv as one text, binary and diff, which is empty where the store does not keep it
        any more."""
        import shlex  # noqa: PLC0415

        source = self.access.captured_record.source
        diff = b""
        if source.patch:
            from elsewhere.artifacts.blobs import read_blob  # noqa: PLC0415

            with contextlib.suppress(NotFoundError, StorageError, UsageError):
                diff = read_blob(self.access.store, source.patch)
        return {
            "repository": source.repository,
            "branch": source.branch,
            "commit": source.commit,
            "working_dir": source.working_dir,
            "entry_point": source.command,
            "argv": shlex.join(source.argv),
            "binary": source.binary or f"python{self.access.captured_record.environment.python}",
            "diff": diff.decode(errors="surrogateescape"),
        }

    def set_packages(self, packages: Sequence[str] | str | PathLike[str]) -> None:
        """Sets the packages to `packages`: requirement lines, the path of a file of them, or "" for
        none. Raises UsageError for anything else, and TransitionError unless the task is a draft or
        runs."""
        from elsewhere.capture import by_hand  # noqa: PLC0415

        lines = by_hand.requirement_lines(packages)
        if self._may_describe():
            record = self.access.record
            self._describe(record.source, by_hand.with_packages(record.environment, lines))

    def get_requirements(self) -> dict[str, str]:
        """The packages, {"pip": requirement lines}; {} if the repository's requirements.txt
        counts."""
        packages = self.access.captured_record.environment.packages
        return {} if packages is None else {"pip": "\n".join(packages)}

    def set_base_docker(
        self,
        docker_cmd: str | None = None,
        docker_image: str | None = None,
        docker_arguments: str | Sequence[str] | None = None,
        docker_setup_bash_script: str | Sequence[str] | None = None,
    ) -> None:
        """Sets the image to run in, `docker_image`, the arguments `docker_arguments` that it is
        started with, and `docker_setup_bash_script`, a script, or its lines, that runs in it before
        the task. `docker_cmd` is an image with its arguments behind it. Raises UsageError for a
        wrong argument, and TransitionError unless the task is a draft or runs."""
        from elsewhere.capture import by_hand  # noqa: PLC0415

        if not self._may_describe():
            return
        record = self.access.record
        environment = by_hand.with_image(
            record.environment,
            command=docker_cmd,
            image=docker_image,
            arguments=docker_arguments,
            setup=docker_setup_bash_script,
        )
        self._describe(record.source, environment)

    def get_base_docker(self) -> str:
        """The image with its arguments behind it; empty for none."""
        import shlex  # noqa: PLC0415

        environment = self.access.captured_record.environment
        arguments = shlex.join(environment.image_arguments)
        return f"{environment.image} {arguments}".strip()

    def _may_describe(self) -> bool:
        """Whether the code may be changed; waits for the capture beside the script."""
        run = self.access.run
        if run is not None and run.is_remote:
            logger.debug("task %s runs on an agent: its code and environment stay", self.id)
            return False
        if run is not None:
            run.await_capture()
        return True

    def _describe(self, source: Source, environment: Environment) -> None:
        from elsewhere.store.states import EDITABLE  # noqa: PLC0415

        self.access.store.edit(self.id, allowed=EDITABLE, source=source, environment=environment)
        if self.access.run is not None:
            self.access.run.carrier.describe(source, environment)
