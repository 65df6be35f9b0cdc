"""Everybody who can see the submission can read the upload. Data, models, keys and version control folders in it are
errors, and so are keys and tokens inside files; the finding gives the line number, not the text. Possible passwords
are warnings. Tables, pickles and files of more than 10 MB are also warnings, because they may be intended, such as a
table of constants.

    graft data                           # in MANIFEST.in
    TOKEN = "ghp_..."                    # in train.py

Fix: remove the file from `MANIFEST.in` or `setup.py`. Remove keys and passwords, and revoke them with their issuer:
jobs have no network and need none.
"""

import re
from collections.abc import Iterator
from contextlib import suppress

from recore.check.rule import Finding, Findings, Level, Location, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.evaluation import MAX_SIZE

MAX_FILE_SIZE = 10 << 20  # bytes of one file
MAX_KEY_SIZE = 64 << 10  # bytes of a file that may be a key
NO_PYTHON = r"(?!.*\.py$)"  # a package of the submission may be called data or model
PRIVATE_PATTERNS = {
    "data": rf"(?:^|/)data/{NO_PYTHON}|(?:^|/)(?:public|private|actual)\.csv(?:\.gz)?$",
    "a model": rf"(?:^|/)model/{NO_PYTHON}|(?:^|/)model\.(?:pkl|joblib|tar\.gz)$",
    "a version control folder": r"(?:^|/)\.(?:git|hg|svn)(?:/|$)",
    "a key or a password": (
        r"(?:^|/)(?:\.env(?:\..*)?|\.netrc|\.pypirc|\.npmrc|\.aws/.*|\.ssh/.*|\.unearthed/.*|credentials(?:\.json)?"
        r"|kaggle\.json|id_(?:rsa|dsa|ecdsa|ed25519)|\.unearthed_last_submission\.json)$|\.(?:pem|key|p12|pfx|kdbx)$"
    ),
    "the host's score.py": r"^score\.py$",
}
SUSPECT_PATTERNS = {
    "a table that may contain data": r"\.(?:csv|csv\.gz|tsv|parquet|feather|xlsx?|h5|hdf5)$",
    "an instrument file": r"\.\d{1,4}$",
    "a file that may be a trained model": r"\.(?:pkl|pickle|joblib|onnx|pt|pth)$",
}
SUSPECT_NOTE = "a possible password"
CREDENTIALS = {  # by the formats that their issuers publish
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "an AWS secret key": r"(?i:aws_?secret_?(?:access_?)?key)\W{1,8}[0-9A-Za-z/+]{40}(?![0-9A-Za-z/+])",
    "a GitHub token": r"\bgh[opsru]_[0-9A-Za-z]{36,}|\bgithub_pat_[0-9A-Za-z_]{22,}",
    "a GitLab token": r"\bglpat-[0-9A-Za-z_-]{20,}",
    "a Google API key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a Hugging Face token": r"\bhf_[0-9A-Za-z]{34,}",
    "a language model API key": r"\bsk-(?:proj|ant|svcacct)-[0-9A-Za-z_-]{20,}|\bsk-[0-9A-Za-z]{40,}",
    "a PyPI token": r"\bpypi-AgE[0-9A-Za-z_-]{50,}",
    "a Slack token": r"\bxox[abeprs]-[0-9A-Za-z-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a URL with a password": r"\b[a-z][a-z+]*://[^\s/:@'\"]+:[^\s/:@'\"{}<>$%]{3,}@[\w.-]",
    "a JSON web token": r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}",
    SUSPECT_NOTE: (
        r"""(?i:password|passwd|client_?secret|secret_?key|api_?key|(?:auth|access|session|bearer|refresh)_?token)"""
        r"""["']?\]?\s*[=:]\s*"""
        r"""["'](?=[^"']*[0-9])(?=[^"']*[A-Za-z])[^\s"'{}<>$%()]{8,}["']"""
        r"""|(?i:secret|token|key)["']?\]?\s*[=:]\s*["']?\b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[0-9A-Za-z]{30,}\b"""
    ),
}
PATTERNS = {kind: re.compile(pattern) for kind, pattern in CREDENTIALS.items()}
PLACEHOLDER = re.compile(r"example|placeholder|change.?me|dummy|your|xxxx|\*\*\*|\.\.\.|0123456789|1234567890", re.I)
MAX_LINE_LENGTH = 2000  # the rest of a line is not searched


@rule("Nothing private or large is uploaded", needs=("RC201",))
def inspect(source: SubmissionSource) -> Findings:
    fix = "remove it from MANIFEST.in or setup.py"
    for name, size in source.uploads.items():
        private_kind = _kind(name, PRIVATE_PATTERNS)
        if not private_kind and (size <= MAX_KEY_SIZE or name.endswith(".py")):
            yield from _find_credentials(source, name)
        if private_kind:
            yield Finding(f"{private_kind} would be uploaded", fix, Location(name))
        elif suspect_kind := _kind(name, SUSPECT_PATTERNS):
            yield Finding(f"{suspect_kind} would be uploaded", fix, Location(name), Level.WARNING)
        elif size > MAX_FILE_SIZE:
            message = f"{size / 2**20:.0f} MB would be uploaded, and downloaded again by every job"
            yield Finding(message, fix, Location(name), Level.WARNING)
    total = sum(source.uploads.values())
    if total > MAX_SIZE:
        largest = max(source.uploads, key=lambda name: source.uploads[name])
        message = f"{total / 2**20:.0f} MB would be uploaded, but the limit is {MAX_SIZE >> 20} MB"
        yield Finding(message, fix, Location(largest))


def _kind(name: str, kinds: dict[str, str]) -> str:
    return next((kind for kind, pattern in kinds.items() if re.search(pattern, name, re.I)), "")


def _find_credentials(source: SubmissionSource, name: str) -> Findings:
    with suppress(UnreadableFile):
        for line, kind in find_credentials(source.tree.read(name)):
            message = f"this line contains {kind}, which would be uploaded"
            level = Level.WARNING if kind == SUSPECT_NOTE else Level.ERROR
            yield Finding(message, "remove it, and revoke it; jobs need no credentials", Location(name, line), level)


def find_credentials(content: bytes) -> Iterator[tuple[int, str]]:
    """Yield the line number and the most specific kind of credential for each line that contains one."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        line = line[:MAX_LINE_LENGTH]
        for kind, pattern in PATTERNS.items():
            match = pattern.search(line)
            if match and not PLACEHOLDER.search(match[0]):
                yield number, kind
                break
