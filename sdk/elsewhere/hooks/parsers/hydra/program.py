"""The configs of a Hydra program: what they compose to, and which overrides they refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from elsewhere.core.errors import UsageError
from elsewhere.core.records import Parameter
from elsewhere.hooks.parsers.hydra.command_line import replaced


class Program:
    """Composes the configs of `hydra`, Hydra's own object; a multirun's sweeps are not in them."""

    def __init__(self, hydra: Any, config_name: str | None) -> None:
        self._hydra = hydra
        self._config_name = config_name

    def mode(self, lines: Sequence[str]) -> RunMode | None:
        """Returns the run mode that the config sets; None if it cannot be composed."""
        mode: RunMode | None = self._hydra.get_mode(self._config_name, list(lines))
        return mode

    def compose(self, lines: Sequence[str], mode: RunMode) -> DictConfig:
        """Composes all but Hydra's own part. Raises HydraException or OmegaConfBaseException."""
        config = self._hydra.compose_config(
            config_name=self._config_name,
            overrides=list(lines),
            run_mode=mode,
            with_log_configuration=False,
        )
        composed: DictConfig = self._hydra.get_sanitized_cfg(config, "job")
        return composed

    def groups(self, lines: Sequence[str]) -> _Groups:
        """Returns the groups that the config can choose from. Raises HydraException."""
        loader = self._hydra.config_loader
        # Hydra has no public way to find a group that lies on the program's own search path.
        _, repository = loader._parse_overrides_and_create_caching_repo(
            self._config_name, list(lines)
        )
        defaults = loader.compute_defaults_list(self._config_name, list(lines), RunMode.MULTIRUN)
        return _Groups(repository, defaults.overrides.known_choices)

    def check(
        self, lines: Sequence[str], overrides: Mapping[str, Parameter], mode: RunMode
    ) -> None:
        """Composes with all overrides. Raises UsageError, which names what Hydra refuses."""
        groups = self.groups(lines)
        error = self._error(replaced(lines, overrides, groups), mode)
        if error is None:
            return
        refused, why = self._first_refused(lines, overrides, groups, mode) or (overrides, error)
        named = " and ".join(
            f"parameter {name!r} cannot be {parameter.value!r:.200}"
            for name, parameter in refused.items()
        )
        reason = " ".join(str(why).split()).rstrip(".")
        raise UsageError(f"{named[0].upper()}{named[1:]}: {reason}.") from why

    def _first_refused(
        self,
        lines: Sequence[str],
        overrides: Mapping[str, Parameter],
        groups: _Groups,
        mode: RunMode,
    ) -> tuple[dict[str, Parameter], Exception] | None:
        """Returns the first override that breaks a whole config; choices of groups come first."""
        applied: dict[str, Parameter] = {}
        was_whole = self._error(lines, mode) is None
        for name in sorted(overrides, key=lambda name: not groups.has(name.partition("/")[2])):
            applied[name] = overrides[name]
            error = self._error(replaced(lines, applied, groups), mode)
            if error is not None and was_whole:
                return {name: overrides[name]}, error
            was_whole = error is None
        return None

    def _error(self, lines: Sequence[str], mode: RunMode) -> Exception | None:
        try:
            self.compose(lines, mode)
        except (HydraException, OmegaConfBaseException) as error:
            return error
        return None


class _Groups:
    """Implements `command_line.Groups`."""

    def __init__(self, repository: Any, chosen: Mapping[str, object]) -> None:
        self._repository = repository
        self._chosen = chosen

    def has(self, key: str) -> bool:
        return bool(self._repository.group_exists(key.partition("@")[0]))

    def has_default(self, key: str) -> bool:
        return key in self._chosen
