"""What a submission may import without a requirements.txt: the container's Python and packages, at their versions."""

import sys

# of the packages that requirements.txt and requirements/container.txt pin, and the modules of each
VERSIONS = {
    "numpy": "2.5.1",
    "scipy": "1.18.0",
    "scikit-learn": "1.9.0",
    "pandas": "2.2.3",
    "pyarrow": "25.0.0",
    "boto3": "1.43.46",
    "flask": "3.1.3",
    "gunicorn": "26.0.0",
    "protobuf": "3.20.2",
    "pyyaml": "6.0.3",
    "requests": "2.33.0",
    "sagemaker-inference": "1.5.5",
    "sagemaker-training": "4.8.0",
    "setuptools": "80.10.2",
    "werkzeug": "3.1.8",
}
MODULES = {
    "scikit-learn": ("sklearn",),
    "protobuf": ("google",),
    "pyyaml": ("yaml",),
    "setuptools": ("setuptools", "pkg_resources"),
    "sagemaker-inference": ("sagemaker_inference",),
    "sagemaker-training": ("sagemaker_training",),
}
# modules of the packages that those above require; one of recore/container/library; one that only AWS's own image has
REQUIRED_MODULES = frozenset(
    "bcrypt blinker botocore certifi cffi charset_normalizer click cloudpickle cryptography dateutil gevent greenlet "
    "idna inotify_simple invoke itsdangerous jinja2 jmespath joblib markupsafe nacl narwhals packaging paramiko pip "
    "psutil pycparser pytz retrying s3transfer six threadpoolctl tzdata urllib3 zope sagemaker_containers mms".split()
)


def modules_of(distribution: str) -> tuple[str, ...]:
    """The modules of one of the pinned packages, by its normalised name."""
    return MODULES.get(distribution, (distribution,))


PINNED_MODULES = frozenset(module for distribution in VERSIONS for module in modules_of(distribution))


def is_in_container(module: str) -> bool:
    """Whether a top-level module can be imported in the container: the standard library's, or a package's."""
    return module in sys.stdlib_module_names or module in PINNED_MODULES or module in REQUIRED_MODULES
