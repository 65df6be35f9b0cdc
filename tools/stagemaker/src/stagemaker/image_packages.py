"""Which packages the scikit-learn container holds, at which versions."""

from pathlib import Path

from stagemaker.installation import pinned_versions

PACKAGES = Path(__file__).parent / "container/packages.txt"  # also installed by the Dockerfile


def container_packages() -> dict[str, str]:
    """The version of each package of AWS's scikit-learn image, by its name as PyPI spells it."""
    return {name: version for name, version in pinned_versions(PACKAGES.read_text("utf-8")) if version}
