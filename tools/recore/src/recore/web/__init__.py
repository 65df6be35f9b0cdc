"""The web page of an endpoint: an ASGI application, its local server, and its handler for AWS Lambda.

This package imports few modules, and none that loads models, because everything it imports is uploaded to Lambda.
"""

from recore.web.application import make_application
from recore.web.deployment import write_deployment
from recore.web.predictor import Predictor, make_runtime
from recore.web.uploads import Limits
