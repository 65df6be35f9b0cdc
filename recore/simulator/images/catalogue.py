"""The families of images, and which of them an image belongs to."""

from collections.abc import Mapping

from recore.simulator.images import built_in, pytorch, scikit_learn, xgboost
from recore.simulator.images.family import ImageFamily, image_name

FAMILIES = (scikit_learn.FAMILY, xgboost.FAMILY, pytorch.FAMILY)


def find_family(image: str) -> ImageFamily | None:
    """Return the family of an image by its name; None if it belongs to none."""
    name = image_name(image)
    return next((family for family in FAMILIES if family.repositories.fullmatch(name)), None)


def family_of(image: str) -> ImageFamily:
    """Return the family whose environment a job with this image gets."""
    return find_family(image) or scikit_learn.FAMILY


def serves_offline(image: str, variables: Mapping[str, str]) -> bool:
    """Return whether AWS's container of an image would serve without a network. variables: its environment.

    Images that belong to no family are assumed to need no network.
    """
    family = find_family(image)
    return family is None or family.serves_offline(image, variables)


def refusal(image: str) -> str | None:
    """Return why jobs that name this image cannot run as processes on this machine; None if they can."""
    if family := find_family(image):
        return family.refusal(image)
    names = [family.name for family in FAMILIES]
    families = f"Only images of the {', '.join(names[:-1])} and {names[-1]} families run as processes on this machine"
    known = built_in.refusal(image_name(image))
    return f"{known}. {families}" if known else f"{families}, not '{image}'"
