"""Reading the configuration anew while the daemon runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from elsewhere.core.settings import Settings
    from elsewhere_agent.configuration import AgentSettings

#: settings of the agent that count from the next start on only; all others do for the next task
_AT_START: Final = frozenset(
    {
        *("name", "services", "gpus", "share_busy_gpus"),
        *("keep_runs_s", "code_memory_bytes", "output_uri", "health", "log_json"),
        "store_access",
    }
)


def reloaded(
    agent: AgentSettings, found: AgentSettings
) -> tuple[AgentSettings, list[str], list[str]]:
    """Takes what can change while the daemon runs out of the settings that were `found`.

    Returns the settings from now on, the names of those that have changed, and of those that wait
    for the next start.
    """
    differing = [
        name
        for name in type(agent).model_fields
        if name != "origins" and getattr(agent, name) != getattr(found, name)
    ]
    changed = [name for name in differing if name not in _AT_START]
    news = {name: getattr(found, name) for name in (*changed, "origins")}
    waiting = [f"agent.{name}" for name in differing if name in _AT_START]
    return agent.model_copy(update=news), changed, waiting


def at_start(settings: Settings, found: Settings) -> list[str]:
    """The names of the settings outside [agent] that differ: they wait for the next start."""
    return [name for name in settings.origins if getattr(settings, name) != getattr(found, name)]
