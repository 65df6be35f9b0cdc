"""The names of settings: those of sagemaker-training, and those of model servers."""

from sagemaker_training.params import *  # noqa: F403

FRAMEWORK_SERVING_MODULE_ENV = "SAGEMAKER_SERVING_MODULE"
MODEL_SERVER_TIMEOUT_ENV = "SAGEMAKER_MODEL_SERVER_TIMEOUT"
MODEL_SERVER_WORKERS_ENV = "SAGEMAKER_MODEL_SERVER_WORKERS"
USE_NGINX_ENV = "SAGEMAKER_USE_NGINX"
