"""SageMaker's built-in algorithm Linear Learner, imitated with scikit-learn."""
