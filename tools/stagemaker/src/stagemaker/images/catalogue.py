"""The image families, and functions that find the family of an image."""

from collections.abc import Mapping

from stagemaker.images import linear_learner, pytorch, scikit_learn, xgboost
from stagemaker.images.family import ImageFamily, image_name
from stagemaker.images.package_set import PackageSet

ALGORITHMS = frozenset(
    """
    blazingtext factorization-machines forecasting-deepar image-classification image-classification-neo ipinsights
    kmeans knn lda ntm object-detection object2vec pca randomcutforest semantic-segmentation seq2seq
    xgboost-neo
    """.split()
)
# prefixes of image names
FRAMEWORKS = tuple(
    """
    autogluon detailed-profiler-processing djl huggingface mxnet pytorch sagemaker-chainer sagemaker-clarify
    sagemaker-data-wrangler sagemaker-debugger sagemaker-distribution sagemaker-inference- sagemaker-model-monitor
    sagemaker-mxnet sagemaker-rl sagemaker-spark sagemaker-tensorflow sagemaker-tritonserver smdistributed-
    stabilityai- tensorflow
    """.split()
)

# The first family is also used for images that belong to no family.
FAMILIES = (scikit_learn.FAMILY, xgboost.FAMILY, linear_learner.FAMILY, pytorch.FAMILY)


def package_sets() -> list[PackageSet]:
    """Return the package sets of all families, beginning with the default family's."""
    return list(dict.fromkeys(packages for family in FAMILIES for packages in family.package_sets.values()))


def find_family(image: str) -> ImageFamily | None:
    name = image_name(image)
    return next((family for family in FAMILIES if family.repositories.fullmatch(name)), None)


def family_of(image: str) -> ImageFamily:
    return find_family(image) or FAMILIES[0]


def serves_offline(image: str, variables: Mapping[str, str]) -> bool:
    """Return whether an image's container on AWS would start serving without network access.

    Images without a family are assumed to do so.
    """
    family = find_family(image)
    return family is None or family.serves_offline(image, variables)


def unsupported_reason(image: str) -> str | None:
    """Return the reason why jobs with this image cannot run as processes here, or None if they can."""
    if family := find_family(image):
        return family.unsupported_reason(image)
    name, names = image_name(image), [family.name for family in FAMILIES]
    families = f"Only images of the {', '.join(names[:-1])} and {names[-1]} families can run as processes"
    if name in ALGORITHMS:
        reason = "is a built-in algorithm of SageMaker; only XGBoost and Linear Learner are simulated"
    elif name.startswith(FRAMEWORKS):
        reason = "is a SageMaker image that is not simulated"
    else:
        return f"{families}, not '{image}'"
    return f"{name} {reason}. {families}"
