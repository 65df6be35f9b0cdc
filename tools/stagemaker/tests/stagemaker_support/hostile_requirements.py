"""Lines of requirements.txt that pip alone would read as a path, an option, a variable or a URL."""

DIGEST = "a" * 64
HOSTILE_LINES = [
    "six===x/../../../unpacked/pkg",
    "evil===../evil",
    f'evil==1.0 --hash="sha256:{DIGEST} --no-binary=evil"',
    f"evil==1.0 --hash=sha256:{DIGEST}' --no-binary=evil'",
    "evil===${HOST_SECRET}",
    "evil=\\\n==${HOST_SECRET}",
    "evil==1.0 ; python_version > '3\" --no-binary=:all: \"'",
    "http:127.0.0.1/evil.tar.gz",
]
