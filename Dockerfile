# The container image of the challenge, as specified in .unearthed_challenge.json. There are two ways to build it:
#
#   docker build --target equivalent -t recore/sagemaker-scikit-learn:1.9-0-cpu-py3 .
#       from python:3.12-slim and the package index, without an account
#   docker build -t recore/sagemaker-scikit-learn:1.9-0-cpu-py3 .
#       from the AWS SageMaker scikit-learn image, which needs an AWS login:
#       aws ecr get-login-password --region us-east-1 | docker login --username AWS --password-stdin \
#         683313688378.dkr.ecr.us-east-1.amazonaws.com
#
# In both, `train`, `serve` and any script run as on the platform. There is no ENTRYPOINT, because the Unearthed CLI's
# commands would become its arguments. The user is root, because the CLI's mounts belong to the user who ran it.
ARG BASE_IMAGE=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3

# sagemaker-training needs a compiler, which stays in this stage.
FROM python:3.12-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
# This target needs the folder tools/.
COPY requirements.txt tools/stagemaker/src/stagemaker/container/packages.txt /tmp/
RUN pip install --no-cache-dir -r /tmp/packages.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt

FROM python:3.12-slim AS equivalent
COPY --from=packages /usr/local /usr/local
COPY tools/stagemaker/src/stagemaker/container/commands/ /usr/local/bin/
COPY tools/stagemaker/src/stagemaker/container/script_mode.py tools/stagemaker/src/stagemaker/container/serving.py /opt/stagemaker/
COPY tools/stagemaker/src/stagemaker/container/library/ /usr/local/lib/python3.12/site-packages/
ENV SM_MODEL_DIR=/opt/ml/model \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/ml/code
EXPOSE 8080
# For `serve`; other commands exit before the first check.
HEALTHCHECK --start-period=60s --interval=10s CMD \
    python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/ping', timeout=5)"

FROM ${BASE_IMAGE}
# predict.py is started without SM_MODEL_DIR; without PYTHONUNBUFFERED, logs would arrive in blocks
ENV SM_MODEL_DIR=/opt/ml/model \
    PYTHONUNBUFFERED=1
# With these packages in the image, there is nothing to install before each step.
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt
# Not /opt/ml/code, because this image's `serve` replaces that folder.
WORKDIR /opt/ml
