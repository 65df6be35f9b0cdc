"""Packages whose name differs from the name of their module, and names that are no package which can be installed."""

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
NOT_PACKAGES = ("PIL", "cv2", "dateutil", "skimage", "sklearn", "yaml")  # of these modules; docx or jwt is another one
FORMER_NAMES = {"pytorch": "torch", "tensorflow-gpu": "tensorflow"}  # on the index, but without the package
# what is meant by a normalised name that no job can install
WRONG_NAMES = FORMER_NAMES | {canonicalize_name(module): DISTRIBUTIONS[module] for module in NOT_PACKAGES}
_MEANT = FORMER_NAMES | {canonicalize_name(module): package for module, package in DISTRIBUTIONS.items()}


def meant_package(requirement: str) -> str | None:
    """The package that is probably meant by a normalised name that pip does not find; None for any other name."""
    return _MEANT.get(requirement)
