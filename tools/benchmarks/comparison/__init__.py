"""The parts of accuracy.py: the data, the methods, the folds, the score."""
