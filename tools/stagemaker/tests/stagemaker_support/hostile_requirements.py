"""Lines of requirements.txt that pip alone would read as a path, an option, a variable or a URL."""

from pathlib import Path

SECRET = "secret-of-the-host"  # the value of AWS_SECRET_ACCESS_KEY

DIGEST = "a" * 64
# the first one is the path of FOLDER/pkg, from any folder
HOSTILE_LINES = [
    f"six===x{10 * '/..'}FOLDER/pkg",
    "evil===../evil",
    f'evil==1.0 --hash="sha256:{DIGEST} --no-binary=evil"',
    f"evil==1.0 --hash=sha256:{DIGEST}' --no-binary=evil'",
    "evil===${AWS_SECRET_ACCESS_KEY}",
    "evil=\\\n==${AWS_SECRET_ACCESS_KEY}",
    "evil==1.0 ; python_version > '3\" --no-binary=:all: \"'",
    "http:127.0.0.1/evil.tar.gz",
]


def hostile_package(trace: Path) -> dict[str, str]:
    """Return the files of a package whose build leaves the file `trace`."""
    return {
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": f'open({str(trace)!r}, "w").close()\nraise SystemExit("was built")\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n",
    }
