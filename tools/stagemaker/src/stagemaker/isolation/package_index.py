"""Where the user's pip finds packages, for a pip that runs in a sandbox, without the user's files and variables."""

import contextlib
import netrc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from stagemaker.pip_settings import read_pip_settings

URLS = ("index-url", "extra-index-url", "find-links")  # which can also be local files and folders
FILES = ("cert", "client-cert", "constraint")
OTHERS = ("default-timeout", "no-index", "proxy", "retries", "timeout", "trusted-host", "use-deprecated", "use-feature")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
CERTIFICATES = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE")
# files of the host that are needed to find and to verify an index
SYSTEM_FILES = tuple(map(Path, ("/etc/resolv.conf", "/etc/hosts", "/etc/pki", "/etc/ca-certificates")))


@dataclass(frozen=True)
class PackageIndex:
    """The variables with which pip finds packages, and the host's files and folders to which they refer."""

    variables: dict[str, str]
    files: tuple[Path, ...] = ()


def read_package_index(python: Path) -> PackageIndex:
    """Return the package index that the user configured for pip. python: a Python that has pip."""
    settings = read_pip_settings([str(python), "-m", "pip"])
    values = {name: [_absolute(each) for each in settings[name].split()] for name in URLS if name in settings}
    values |= {name: [os.path.abspath(settings[name])] for name in FILES if name in settings}
    values |= {name: [settings[name]] for name in OTHERS if name in settings}
    variables = {f"PIP_{name.upper().replace('-', '_')}": " ".join(value) for name, value in values.items()}
    variables |= {name: os.environ[name] for name in os.environ if name.lower() in PROXIES}
    variables |= {name: os.environ[name] for name in CERTIFICATES if name in os.environ}
    referenced = [value for name in (*URLS, *FILES) for value in values.get(name, ())]
    referenced += [variables[name] for name in CERTIFICATES if name in variables]
    return PackageIndex(
        # the sandbox's default settings forbid all indexes
        {"PIP_NO_INDEX": "0", "PIP_DRY_RUN": "0", "PIP_CONFIG_FILE": os.devnull} | variables,
        tuple(dict.fromkeys([*SYSTEM_FILES, *_local_files(referenced)])),
    )


def _absolute(location: str) -> str:
    """Return a location that is valid in any folder, with the credentials that the user's netrc has for its host."""
    if "://" not in location and not location.startswith("file:"):
        return os.path.abspath(os.path.expanduser(location))
    url = urlsplit(location)
    credentials = _find_credentials(url.hostname) if url.hostname and "@" not in url.netloc else None
    if credentials is None:
        return location
    user, password = (quote(each, safe="") for each in credentials)
    return url._replace(netloc=f"{user}:{password}@{url.netloc}").geturl()


def _find_credentials(host: str) -> tuple[str, str] | None:
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        entry = netrc.netrc(os.environ.get("NETRC") or os.path.expanduser("~/.netrc")).authenticators(host)
        return (entry[0] or entry[1] or "", entry[2] or "") if entry else None
    return None


def _local_files(locations: list[str]) -> Iterator[Path]:
    for location in locations:
        url = urlsplit(location)
        if url.scheme == "file" or location.startswith("/"):
            yield Path(unquote(url.path) if url.scheme == "file" else location)
