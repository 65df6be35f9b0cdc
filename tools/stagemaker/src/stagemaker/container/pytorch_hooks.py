"""The default hooks of PyTorch images, which serving.py uses if a script does not define its own."""

import http.client
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch
from sagemaker_inference import content_types, decoder, encoder, errors, utils
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer
from werkzeug import Response
from werkzeug.datastructures import EnvironHeaders, Headers

MODEL_FILE = "model.pt"
SUFFIXES = (".pt", ".pth")


class HookContext:
    """TorchServe's context for the current request, which a hook may take as its last parameter.

    It is also the request processor, from which the toolkit reads the headers.
    """

    model_name = "model"

    def __init__(self) -> None:
        self.manifest: dict[str, Any] = {}
        self.system_properties = {"model_dir": os.environ.get("SM_MODEL_DIR"), "gpu_id": None, "batch_size": 1}
        self.request_processor = [self]
        self.begin(Headers())

    def begin(self, headers: Headers) -> None:
        self._request_headers, self.status, self.response_headers = headers, "200 OK", Headers()

    def get_request_properties(self) -> dict[str, str]:
        return dict(self._request_headers)

    def get_all_request_header(self, index: int = 0) -> dict[str, str]:
        return dict(self._request_headers)

    def get_request_header(self, index: int, key: str) -> str | None:
        return self._request_headers.get(key)

    def set_response_content_type(self, index: int, value: str | None) -> None:
        if value is not None:
            self.response_headers["Content-Type"] = value

    def set_response_header(self, index: int, key: str, value: str) -> None:
        self.response_headers[key] = value

    def set_response_status(self, code: int = 200, phrase: str = "", index: int = 0) -> None:
        """Set the status code. The phrase has no effect, because the body of an error response contains it."""
        self.status = f"{code} {http.client.responses.get(code, 'Unknown')}"


class PyTorchHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """The default hooks, which load TorchScript, and read and write JSON, CSV and NPY."""

    needs_module = False
    runs_script = True
    transform = None
    execution_parameters = None

    def __init__(self) -> None:
        self.context = HookContext()

    def respond(self, transformer: Transformer, body: bytes, content_type: str, request: dict[str, Any]) -> Response:
        """Run the hooks on a request, with the headers that the toolkit and TorchServe would set."""
        headers = Headers(EnvironHeaders(request))
        headers["Content-Type"] = content_type
        self.context.begin(headers)
        [content] = transformer.transform([{"body": body}], self.context)
        if not isinstance(content, str | bytes | bytearray):
            content = json.dumps(content)
        response = Response(content, self.context.status, self.context.response_headers)
        if response.status_code >= 400:
            sys.stderr.write(response.get_data(as_text=True) + "\n")  # one write, because workers share stderr
            sys.stderr.flush()
        return response

    def default_model_fn(self, model_dir: str) -> Any:
        """Load model.pt or, without it, the only TorchScript file. Raises ValueError if neither can be loaded."""
        path = Path(model_dir, MODEL_FILE)
        if not path.is_file():
            files = [file for file in sorted(Path(model_dir).iterdir()) if file.is_file() and file.suffix in SUFFIXES]
            if len(files) != 1:
                names = ", ".join(file.name for file in files) or "none"
                raise ValueError(
                    "without a model_fn, the model must be a single TorchScript file (.pt or .pth); "
                    f"files found: {names}"
                )
            path = files[0]
        try:
            return torch.jit.load(str(path), map_location="cpu")
        except RuntimeError as error:
            reason = f"save it with torch.jit.save, or write a model_fn ({str(error).splitlines()[0]})"
            raise ValueError(f"{path.name} is not TorchScript: {reason}") from None

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """Decode a request into a tensor, with float32 values for text formats."""
        array = decoder.decode(input_data, content_type)
        return torch.FloatTensor(array) if content_type in content_types.UTF8_TYPES else torch.from_numpy(array)

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        with torch.no_grad():
            model.eval()
            return model(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """Encode a prediction as the first supported type in Accept. Raises UnsupportedFormatError."""
        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy().tolist()
        for content_type in utils.parse_accept(accept):
            if content_type in encoder.SUPPORTED_CONTENT_TYPES:
                return encoder.encode(prediction, content_type), content_type
        raise errors.UnsupportedFormatError(accept)


make_hooks = PyTorchHooks
