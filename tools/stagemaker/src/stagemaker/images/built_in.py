"""The names of SageMaker's built-in algorithms and framework images that are not simulated."""

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


def refusal(name: str) -> str | None:
    """Return why an image is not simulated, or None if it is not in these lists. name: without registry and tag."""
    if name in ALGORITHMS:
        return (
            f"{name} is one of SageMaker's built-in algorithms, of which only XGBoost and Linear Learner are simulated"
        )
    if name.startswith(FRAMEWORKS):
        return f"{name} is a SageMaker image that is not simulated"
    return None
