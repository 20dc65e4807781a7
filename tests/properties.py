"""How properties are tested here: by as many examples as usual, on a machine that may be busy."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings

#: Put above `@given`. Fixtures are shared by all examples: each uses fresh files in `tmp_path`.
PROPERTY: Final = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
