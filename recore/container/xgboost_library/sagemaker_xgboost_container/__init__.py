"""What AWS's XGBoost image has under this name, as far as scripts import it, and the built-in algorithm."""
