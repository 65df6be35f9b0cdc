"""A family of images: the programs and the Python that replace them if jobs run as processes on this machine."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recore.simulator.images.python_environment import PythonEnvironment, this_python

CONTAINER = Path(__file__).parents[2] / "container"  # the package whose programs run inside a job
SERVING = str(CONTAINER / "serving.py")
NUMBER = re.compile(r"\d+\.\d+")


@dataclass(frozen=True)
class ImageFamily:
    """The images of one framework.

    name: for messages. repositories: a pattern of the images' names, without registry and tag. distributions: names
    of the framework's package, one of which must be installed. remedy: the command that installs it. tags: a pattern
    of the images' tags; None if any tag is allowed. examples: of tags, for messages. old_versions: the versions of tags
    without a number. version_variable: the variable by which programs in a job learn the image's tag or old version.
    training: the program of `train`. hooks: a file with the hooks that a script may omit in `serve`; None for the
    server's own. python: returns the environment of jobs. metrics: regular expressions by the names of metrics, which
    SageMaker finds in every log. builds_to_serve: a pattern of the names of images whose `serve` builds a package of
    the script, for which pip needs the network.
    """

    name: str
    repositories: re.Pattern[str]
    distributions: tuple[str, ...]
    remedy: str
    tags: re.Pattern[str] | None = None
    examples: str = ""
    old_versions: Mapping[str, str] = field(default_factory=dict)
    version_variable: str | None = None
    training: Path = CONTAINER / "training.py"
    hooks: Path | None = None
    python: Callable[[], PythonEnvironment] = this_python
    metrics: Mapping[str, str] = field(default_factory=dict)
    builds_to_serve: re.Pattern[str] | None = None

    def refusal(self, image: str) -> str | None:
        """Return why jobs that name this image of the family cannot run; None if they can."""
        if not self._has_tag_of(image):
            return f"{self.name} images have tags such as {self.examples}, not '{image_tag(image)}': '{image}'"
        if self.version() is None:
            return f"The package of {self.name} images, {self.distributions[0]}, is not installed: run {self.remedy}"
        return None

    def version(self) -> str | None:
        """Return the version of the framework that jobs have; None if it is not installed."""
        return self.python().version_of(*self.distributions)

    def variables(self, image: str) -> dict[str, str]:
        """Return the variables that describe the image to programs in a job."""
        named = self._named_version(image)
        return {self.version_variable: named} if self.version_variable and named else {}

    def own_metrics(self, image: str) -> list[dict[str, str]]:
        """Return SageMaker's metric definitions for its image; none for another image of this name."""
        if not self._has_tag_of(image):
            return []
        return [{"Name": name, "Regex": pattern} for name, pattern in self.metrics.items()]

    def remarks(self, image: str) -> list[str]:
        """Return lines for a training job's log about how the job differs from the image."""
        tag, here, lines = image_tag(image), self.version() or "", []
        named = NUMBER.match(self._named_version(image))
        if named and not here.startswith(f"{named[0]}."):
            difference = f"the version differs: this job runs with {here}."
            lines.append(f"The image {image} has {self.name} {named[0]}; {difference}")
        if "gpu" in tag.split("-"):
            lines.append(f"The image {image} is for graphics cards: this job runs on CPUs.")
        return lines

    def train(self) -> list[str]:
        """Return the command of a training job that names none."""
        return ["python", "-P", str(self.training)]

    def serve(self, socket: str) -> list[str]:
        """Return the command of a model's server, which listens on a Unix socket."""
        hooks = ["--hooks", str(self.hooks)] if self.hooks else []
        return ["python", "-P", SERVING, *hooks, "--bind", f"unix:{socket}"]

    def serves_offline(self, image: str, variables: Mapping[str, str]) -> bool:
        """Return whether the `serve` of an image starts without a network. variables: its environment."""
        # pip's variable means the opposite of its name: 0, no, false and off disable build isolation
        isolation = variables.get("PIP_NO_BUILD_ISOLATION", "").strip().lower()
        if isolation in ("0", "no", "false", "off", "n", "f"):
            return True
        return self.builds_to_serve is None or not self.builds_to_serve.fullmatch(image_name(image))

    def _has_tag_of(self, image: str) -> bool:
        """Return whether an image has one of the family's tags, or none."""
        tag = image_tag(image)
        return not (self.tags and tag) or self.tags.fullmatch(tag) is not None

    def _named_version(self, image: str) -> str:
        """Return the version in an image's tag, such as 1.7-1, or 0.72 for an old tag without a number."""
        tag = image_tag(image)
        return self.old_versions.get(tag, tag)


def image_name(image: str) -> str:
    """Return the last part of an image's name, without registry, tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0]


def image_tag(image: str) -> str:
    """Return an image's tag; empty if it has none."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[2]
