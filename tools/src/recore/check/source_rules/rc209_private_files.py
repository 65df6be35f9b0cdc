"""Everybody who can see the submission can read the upload. Data, models, keys and version control folders in it are
errors, and so are keys, tokens and passwords inside files; the finding gives the line without printing it. Tables,
pickles and files of more than 10 MB are warnings, because a small table of constants may be intended.

    graft data                           # in MANIFEST.in
    TOKEN = "ghp_..."                    # in train.py

Fix: take the file out of `MANIFEST.in` or `setup.py`. Remove keys and passwords, and
replace them at their issuer: jobs have no network and need none.
"""

import re
from collections.abc import Iterator

from recore.check.credentials import find_credentials
from recore.check.rule import Finding, Level, Place, rule
from recore.check.source import SubmissionSource
from recore.check.submission_tree import UnreadableFile
from recore.evaluation import LARGEST

LARGE = 10 << 20  # bytes of one file
SMALL = 64 << 10  # bytes of a file that may be a key
NOT_CODE = r"(?!.*\.py$)"  # a package of the submission may be called data or model
CERTAIN = {
    "data": rf"(?:^|/)data/{NOT_CODE}|(?:^|/)(?:public|private|actual)\.csv(?:\.gz)?$",
    "a model": rf"(?:^|/)model/{NOT_CODE}|(?:^|/)model\.(?:pkl|joblib|tar\.gz)$",
    "version control": r"(?:^|/)\.(?:git|hg|svn)(?:/|$)",
    "a key or a password": (
        r"(?:^|/)(?:\.env(?:\..*)?|\.netrc|\.pypirc|\.npmrc|\.aws/.*|\.ssh/.*|\.unearthed/.*|credentials(?:\.json)?|kaggle\.json"
        r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.unearthed_last_submission\.json)$|\.(?:pem|key|p12|pfx|kdbx)$"
    ),
    "the host's score.py": r"^score\.py$",
}
POSSIBLE = {
    "a table, which may be data,": r"\.(?:csv|csv\.gz|tsv|parquet|feather|xlsx?|h5|hdf5)$",
    "an instrument's file": r"\.\d{1,4}$",
    "what may be a trained model": r"\.(?:pkl|pickle|joblib|onnx|pt|pth)$",
}


@rule("Nothing private or large is uploaded", needs=("RC201",))
def inspect(source: SubmissionSource) -> Iterator[Finding]:
    fix = "remove it from MANIFEST.in or setup.py"
    for name, size in source.uploads.items():
        certain = _kind(name, CERTAIN)
        if not certain and (size <= SMALL or name.endswith(".py")):
            yield from _find_credentials(source, name)
        if certain:
            yield Finding(f"{certain} would be uploaded", fix, Place(name))
        elif possible := _kind(name, POSSIBLE):
            yield Finding(f"{possible} would be uploaded", fix, Place(name), Level.WARNING)
        elif size > LARGE:
            message = f"{size / 2**20:.0f} MB would be uploaded, and downloaded again by every job"
            yield Finding(message, fix, Place(name), Level.WARNING)
    total = sum(source.uploads.values())
    if total > LARGEST:
        largest = max(source.uploads, key=lambda name: source.uploads[name])
        message = f"{total / 2**20:.0f} MB would be uploaded; more than {LARGEST >> 20} MB are refused here"
        yield Finding(message, fix, Place(largest))


def _kind(name: str, kinds: dict[str, str]) -> str:
    """The first kind whose pattern a file's name matches, or an empty text."""
    return next((kind for kind, pattern in kinds.items() if re.search(pattern, name, re.I)), "")


def _find_credentials(source: SubmissionSource, name: str) -> Iterator[Finding]:
    try:
        content = source.tree.read(name)
    except UnreadableFile:
        return
    for line, kind in find_credentials(content):
        message = f"this line contains {kind}, which would be uploaded"
        yield Finding(message, "remove it, and replace it at its issuer: jobs need none", Place(name, line))
