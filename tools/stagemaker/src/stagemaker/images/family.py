"""An image family: the programs and the Python environment that replace its images if jobs run as processes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stagemaker.images.package_set import PackageSet
from stagemaker.images.python_environment import PythonEnvironment

CONTAINER = Path(__file__).parents[1] / "container"  # the package of programs that run inside jobs
SERVING = str(CONTAINER / "serving.py")
VERSION_NUMBER = re.compile(r"\d+\.\d+")
TAG_NUMBERS = re.compile(r"\d+\.\d+([.-]\d+)?")


@dataclass(frozen=True)
class ImageFamily:
    """The images of one framework.

    repositories: a pattern for image names without registry and tag. tags: a pattern for tags, or None for any tag.
    distribution: the framework's package. package_sets: the package sets by the version in an image's tag, newest
    first; the key of a single set is empty. module: the framework's name in imports, if scripts import it.
    old_versions: the versions of tags without a number, by tag.
    version_variable: the environment variable that contains the image's tag or old version. algorithm: the built-in
    algorithm, for algorithm_training.py. hooks: a file with default hooks for `serve`. metrics: the regular
    expressions, by metric name, with which SageMaker searches every log. builds_to_serve: a pattern for images whose
    `serve` builds a package from the script, for which pip needs network access. runs_scripts: whether jobs can have a
    script. versioned_names: a pattern for images whose tags select the packages.
    """

    name: str
    repositories: re.Pattern[str]
    distribution: str
    package_sets: Mapping[str, PackageSet]
    module: str = ""
    tags: re.Pattern[str] | None = None
    examples: str = ""
    old_versions: Mapping[str, str] = field(default_factory=dict)
    version_variable: str | None = None
    algorithm: str | None = None
    hooks: Path | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    builds_to_serve: re.Pattern[str] | None = None
    runs_scripts: bool = True
    versioned_names: re.Pattern[str] | None = None

    def unsupported_reason(self, image: str) -> str | None:
        if not self._has_family_tag(image):
            return f"{self.name} images have tags such as {self.examples}, not '{image_tag(image)}' as in '{image}'"
        return self.package_set(image).problem()

    def package_set(self, image: str) -> PackageSet:
        """Return the package set for the version in an image's tag, or for the nearest version."""
        return self.package_sets[self._nearest_version(image)]

    def _nearest_version(self, image: str) -> str:
        """Return the version with the tag's first two numbers, otherwise the next newer one, otherwise the newest."""
        numbers, versions = self._requested_version(image), list(self.package_sets)[::-1]
        similar_versions = [version for version in versions if numbers and _version_numbers(version)[:2] == numbers[:2]]
        newer_versions = [version for version in versions if numbers and _version_numbers(version) >= numbers]
        return (similar_versions or newer_versions or versions[-1:])[0]

    def _requested_version(self, image: str) -> tuple[int, ...]:
        is_versioned = self.versioned_names and self.versioned_names.fullmatch(image_name(image))
        return _version_numbers(image_tag(image)) if is_versioned else ()

    def python(self, image: str) -> PythonEnvironment:
        """Return the environment of jobs with an image, or an empty one if it does not exist yet."""
        return self.package_set(image).environment()

    def version(self, image: str) -> str:
        """Return the version of the framework that jobs with an image use."""
        return self.package_set(image).versions.get(self.distribution, "")

    def environment_variables(self, image: str) -> dict[str, str]:
        version = self._tag_version(image)
        return {self.version_variable: version} if self.version_variable and version else {}

    def metric_definitions(self, image: str) -> list[dict[str, str]]:
        """Return SageMaker's metric definitions for an image, or [] if its tag is not one of the family's."""
        if not self._has_family_tag(image):
            return []
        return [{"Name": name, "Regex": pattern} for name, pattern in self.metrics.items()]

    def version_difference(self, image: str) -> str:
        """Return which version of the framework an image has, and which one jobs use, or '' if they are the same."""
        numbers, version = self._requested_version(image), self._nearest_version(image)
        match = VERSION_NUMBER.match(self._tag_version(image))
        if numbers and numbers != _version_numbers(version):
            match = TAG_NUMBERS.match(image_tag(image))
        elif not match or self.version(image).startswith(f"{match[0]}."):
            return ""
        else:
            version = self.version(image)
        return f"{self.name} {match[0] if match else ''} was requested, {version} ran"

    def remarks(self, image: str) -> list[str]:
        """Return lines for a job's log about differences between its environment and the image."""
        lines, numbers, version = [], self._requested_version(image), self._nearest_version(image)
        match, installed_version = VERSION_NUMBER.match(self._tag_version(image)), self.version(image)
        if numbers and numbers != _version_numbers(version):
            lines.append(f"The image {image} is not simulated: the packages of the nearest one, {version}, are used.")
        elif match and not installed_version.startswith(f"{match[0]}."):
            lines.append(f"The image {image} has {self.name} {match[0]}, but this job runs with {installed_version}.")
        if "gpu" in image_tag(image).split("-"):
            lines.append(f"The image {image} is for GPUs, but this job runs on CPUs.")
        return lines

    def train(self) -> list[str]:
        program = ["algorithm_training.py", self.algorithm] if self.algorithm else ["script_mode.py"]
        return ["python", "-P", str(CONTAINER / program[0]), *program[1:]]

    def serve(self, socket: str) -> list[str]:
        hooks = ["--hooks", str(self.hooks)] if self.hooks else []
        return ["python", "-P", SERVING, *hooks, "--bind", f"unix:{socket}"]

    def serves_offline(self, image: str, variables: Mapping[str, str]) -> bool:
        """Return whether an image's `serve` can start without network access, with these environment variables."""
        # the variable means the opposite of its name: 0, no, false and off disable build isolation
        isolation = variables.get("PIP_NO_BUILD_ISOLATION", "").strip().lower()
        if isolation in ("0", "no", "false", "off", "n", "f"):
            return True
        return self.builds_to_serve is None or not self.builds_to_serve.fullmatch(image_name(image))

    def _has_family_tag(self, image: str) -> bool:
        tag = image_tag(image)
        return not (self.tags and tag) or self.tags.fullmatch(tag) is not None

    def _tag_version(self, image: str) -> str:
        tag = image_tag(image)
        return self.old_versions.get(tag, tag)


def _version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the beginning of a tag: (1, 2, 1) for 1.2-1-cpu-py3."""
    match = TAG_NUMBERS.match(version)
    return tuple(map(int, re.findall(r"\d+", match[0]))) if match else ()


def image_name(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def image_tag(image: str) -> str:
    return image.rpartition("/")[2].partition("@")[0].partition(":")[2]
