"""TLS on the way to Redis: the files that a URL names for it, and its errors as sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from elsewhere.core.errors import ConfigurationError
from elsewhere.core.secrets import hide_passwords


def with_full_paths(url: str, folder: Path) -> str:
    """The `url` with full paths of its files: a relative one is below `folder`."""

    def replaced(found: re.Match[str]) -> str:
        path = folder / Path(unquote_plus(found["path"])).expanduser()
        return f"{found['before']}{quote(str(path))}"

    return _FILE.sub(replaced, url)


def files_of(url: str) -> dict[str, str]:
    """The files that `url` names, by the names of its options."""
    return {found["option"]: unquote_plus(found["path"]) for found in _FILE.finditer(url)}


def options_of(url: str) -> dict[str, Any]:
    """The options of a connection to `url` that are not redis-py's own defaults in every version.

    Raises ConfigurationError for files that cannot be used: in a connection, their errors would
    look like those of a server that is away.
    """
    if not url.startswith("rediss:"):
        return {}
    _check(url, files_of(url))
    return {} if "ssl_cert_reqs=none" in url else {"ssl_check_hostname": True}


def explain(error: BaseException | None) -> tuple[str, str] | None:
    """Why TLS has failed and what to do; None for an `error` that is not one of TLS."""
    import ssl  # noqa: PLC0415 - weight

    if isinstance(error, ssl.SSLCertVerificationError):
        todo = _BY_VERIFY_CODE.get(error.verify_code, _PRIVATE)
        return f"its certificate is not trusted ({error.verify_message.rstrip('.')})", todo
    if isinstance(error, ssl.SSLError):
        # A server that misses a client's certificate often hangs up before its alert is read.
        return "no TLS can be agreed on with it", _NONE_AGREED
    return None


#: a file of an option: before it, the option's name, its path
_FILE: Final = re.compile(
    r"(?P<before>[?&](?P<option>ssl_ca_certs|ssl_certfile|ssl_keyfile)=)(?P<path>[^&#]+)"
)
_PASSWORD: Final = re.compile(r"[?&]ssl_password=([^&#]*)")

_PRIVATE: Final = (
    "Let ssl_ca_certs in redis_url, ?ssl_ca_certs=FILE, name the certificate of its private"
    " authority"
)
_OTHER_HOST: Final = "Set redis_url to a host that the certificate names"
#: numbers of OpenSSL (X509_V_ERR_...) -> what to do
_BY_VERIFY_CODE: Final = {
    9: "Set this machine's clock",
    10: "Renew it",
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}
_NONE_AGREED: Final = (
    "Use redis:// if the port speaks none, or add ssl_certfile=FILE and ssl_keyfile=FILE of an"
    " authority that it trusts, if it asks for a certificate"
)


def _check(url: str, files: dict[str, str]) -> None:
    import ssl  # noqa: PLC0415 - weight

    for option, path in files.items():
        try:
            Path(path).open("rb").close()
        except OSError as error:
            raise _unusable(url, option, f"{path} cannot be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trusted := files.get("ssl_ca_certs"):
        try:
            context.load_verify_locations(trusted)
        except ssl.SSLError as error:
            raise _unusable(url, "ssl_ca_certs", f"{trusted} holds no certificate (PEM)") from error
    own, key = files.get("ssl_certfile"), files.get("ssl_keyfile")
    if key and not own:
        raise _unusable(url, "ssl_keyfile", "there is no ssl_certfile beside it")
    if own:
        found = _PASSWORD.search(url)
        password = unquote_plus(found[1]) if found else ""
        try:
            context.load_cert_chain(own, key, password=lambda: password)
        except ssl.SSLError as error:
            wrong = f"{own} and {key or own} are not a certificate and its key (PEM)"
            raise _unusable(url, "ssl_certfile", wrong) from error


def _unusable(url: str, option: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The option {option} of {hide_passwords(url)!r} cannot be used: {why}. Correct it in"
        " redis_url; a relative path begins at the folder of config.toml."
    )
