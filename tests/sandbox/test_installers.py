from __future__ import annotations

from elsewhere_sandbox.installers import INSTALLERS
from elsewhere_sandbox.installers.api import installer_variables
from elsewhere_sandbox.installers.uv import find_uv


def test_uv_is_preferred() -> None:
    assert list(INSTALLERS) == ["uv", "pip"]
    assert find_uv().endswith("uv")


def test_an_installer_sees_what_it_needs_and_no_secret_of_the_agent() -> None:
    needed = {
        "PATH": "/usr/bin",
        "HOME": "/home/ada",
        "LC_ALL": "C.UTF-8",
        "https_proxy": "http://proxy.example.org",
        "NO_PROXY": "localhost",
        "UV_INDEX_URL": "https://example.org/simple",
        "PIP_CONSTRAINT": "constraints.txt",
        "GIT_ASKPASS": "/usr/bin/askpass",
        "SSL_CERT_FILE": "/etc/ssl/cert.pem",
        "CXXFLAGS": "-O2",
    }
    other = {
        "ELSEWHERE_REDIS_URL": "redis://:secret@example.org",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "MY_PATH": "/x",
        "PYTHONPATH": "/x",
        "VIRTUAL_ENV": "/x",
        "GIT_DIR": "/x",
    }
    seen = installer_variables({**needed, **other})
    assert needed.items() <= seen.items()
    assert not other.keys() & seen.keys()
