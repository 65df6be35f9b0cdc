"""What AWS's XGBoost image has under this name, as far as its examples import it."""
