"""Finds credentials in text by the formats that their issuers publish. Never returns their values."""

import re
from collections.abc import Iterator

KINDS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "an AWS secret key": r"(?i:aws_?secret_?(?:access_?)?key)\W{1,8}[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+])",
    "a GitHub token": r"\bgh[opsru]_[0-9A-Za-z]{36,}|\bgithub_pat_[0-9A-Za-z_]{22,}",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a Hugging Face token": r"\bhf_[0-9A-Za-z]{34,}",
    "a key of a language model": r"\bsk-(?:proj|ant|svcacct)-[0-9A-Za-z_-]{20,}|\bsk-[0-9A-Za-z]{40,}",
    "a PyPI token": r"\bpypi-AgE[0-9A-Za-z_-]{50,}",
    "a Slack token": r"\bxox[abeprs]-[0-9A-Za-z-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "an address with a password": r"\b[a-z][a-z+]*://[^\s/:@'\"]+:[^\s/:@'\"{}<>$%]{3,}@[\w.-]",
    "a password": (
        r"""(?i:(?:password|passwd|client_?secret|secret_?key|api_?key|(?:auth|access)_?token))["']?\]?\s*[=:]\s*"""
        r"""["'](?=[^"']*[0-9])(?=[^"']*[A-Za-z])[^\s"'{}<>$%()]{8,}["']"""
    ),
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in KINDS.items()}
PLACEHOLDER = re.compile(r"example|placeholder|change.?me|dummy|your|xxxx|\*\*\*|\.\.\.|0123456789|1234567890", re.I)
MAX_LINE_LENGTH = 2000  # the rest of a line is not searched


def find_credentials(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the line number of each credential and its most specific kind."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        line = line[:MAX_LINE_LENGTH]
        for kind, pattern in PATTERNS.items():
            match = pattern.search(line)
            if match and not PLACEHOLDER.search(match[0]):
                yield number, kind
                break
