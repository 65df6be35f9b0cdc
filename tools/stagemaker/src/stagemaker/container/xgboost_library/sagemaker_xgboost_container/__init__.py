"""The parts of AWS's sagemaker_xgboost_container that scripts import, and the built-in algorithm."""
