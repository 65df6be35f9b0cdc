"""What a submission needs besides its scripts, and what nobody has to edit. It is uploaded with them.

| file | holds |
|---|---|
| targets.py | the names of the 49 assays and their weights in the score |
| meta_estimators.py | for any regressor: gaps in the assays, limits of the predictions |
| features.py, ridge.py | the default model |
| training.py | the command line of train.py |
| fitting.py, validation.py | call fit(), once for the model and again for held-out drill holes |
| inputs.py | calls preprocess(), and notices when it changes after training |
| serving.py | the hooks that the server calls |
| files.py | errors in data files, output files, default folders |
"""
