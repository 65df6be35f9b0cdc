"""Packages whose name is not that of the module that is imported, or that people write under another name."""

from packaging.utils import canonicalize_name

DISTRIBUTIONS = {  # by module, where the names differ; a package that is installed here needs no entry
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "imblearn": "imbalanced-learn",
    "pywt": "PyWavelets",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "umap": "umap-learn",
    "yaml": "PyYAML",
}
FORMER_NAMES = {"pytorch": "torch", "tensorflow-gpu": "tensorflow"}  # on the index, but without the package
_RIGHT_NAMES = FORMER_NAMES | {canonicalize_name(module): package for module, package in DISTRIBUTIONS.items()}


def right_name(requirement: str) -> str | None:
    """The package that is meant by a normalised name that is none; None for any other name."""
    return _RIGHT_NAMES.get(requirement)
