"""What accuracy.py is made of: the data, the methods, the folds, the score."""
