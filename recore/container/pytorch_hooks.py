"""The hooks of PyTorch images for serving.py, where a script leaves them out."""

from pathlib import Path
from typing import Any

import torch
from sagemaker_inference import content_types, decoder, encoder, errors, utils
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler

MODEL = "model.pt"
SUFFIXES = (".pt", ".pth")


class PyTorchHooks(DefaultInferenceHandler):  # type: ignore[misc]
    """Loads TorchScript; takes and gives JSON, CSV and NPY."""

    needs_module = False
    transform = None
    execution_parameters = None

    def default_model_fn(self, model_dir: str) -> Any:
        """model.pt, or the only other file of TorchScript. Raises ValueError."""
        path = Path(model_dir, MODEL)
        if not path.is_file():
            files = [file for file in sorted(Path(model_dir).iterdir()) if file.is_file() and file.suffix in SUFFIXES]
            if len(files) != 1:
                names = ", ".join(file.name for file in files) or "none"
                raise ValueError(f"without a model_fn the model must be one file .pt or .pth of TorchScript: {names}")
            path = files[0]
        try:
            return torch.jit.load(str(path), map_location="cpu")
        except RuntimeError as error:
            reason = f"save it by torch.jit.save, or write a model_fn ({str(error).splitlines()[0]})"
            raise ValueError(f"{path.name} is not TorchScript: {reason}") from None

    def default_input_fn(self, input_data: Any, content_type: str) -> Any:
        """A tensor, of float32 if it comes as text."""
        array = decoder.decode(input_data, content_type)
        return torch.FloatTensor(array) if content_type in content_types.UTF8_TYPES else torch.from_numpy(array)

    def default_predict_fn(self, data: Any, model: Any) -> Any:
        with torch.no_grad():
            model.eval()
            return model(data)

    def default_output_fn(self, prediction: Any, accept: str) -> Any:
        """The prediction in the first of the accepted types that there is. Raises UnsupportedFormatError."""
        if isinstance(prediction, torch.Tensor):
            prediction = prediction.detach().cpu().numpy().tolist()
        for content_type in utils.parse_accept(accept):
            if content_type in encoder.SUPPORTED_CONTENT_TYPES:
                return encoder.encode(prediction, content_type), content_type
        raise errors.UnsupportedFormatError(accept)


def make_hooks() -> PyTorchHooks:
    """The hooks, of any model."""
    return PyTorchHooks()
