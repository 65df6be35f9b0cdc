"""Packages whose name differs from the name of their module, or that have a common wrong name."""

from packaging.utils import canonicalize_name

DISTRIBUTIONS = {  # by module, where the names differ; a package that is installed here needs no entry
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "imblearn": "imbalanced-learn",
    "jwt": "PyJWT",
    "pywt": "PyWavelets",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}
FORMER_NAMES = {"pytorch": "torch", "tensorflow-gpu": "tensorflow"}  # on the index, but without the package
_RIGHT_NAMES = FORMER_NAMES | {canonicalize_name(module): package for module, package in DISTRIBUTIONS.items()}


def right_name(requirement: str) -> str | None:
    """The package that a wrong, normalised name means; None for any other name."""
    return _RIGHT_NAMES.get(requirement)
