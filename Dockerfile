# The container of the local Docker simulation, named in .unearthed_challenge.json.
#
# The base is the AWS SageMaker scikit-learn image. Pulling it needs an AWS login once:
#   aws ecr get-login-password --region us-east-1 | docker login --username AWS --password-stdin 683313688378.dkr.ecr.us-east-1.amazonaws.com
# Then: docker build -t recore/sagemaker-scikit-learn:1.9-0-cpu-py3 .
ARG BASE_IMAGE=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3
FROM ${BASE_IMAGE}

# predict.py is started without this variable; whole lines at once, or the logs come in blocks
ENV SM_MODEL_DIR=/opt/ml/model \
    PYTHONUNBUFFERED=1

# With everything baked in at satisfying versions, the install before each step finds nothing to do.
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir -r /tmp/requirements.txt && rm /tmp/requirements.txt

# The project is mounted here. No ENTRYPOINT: the Unearthed CLI's commands would become its arguments.
WORKDIR /opt/ml/code
