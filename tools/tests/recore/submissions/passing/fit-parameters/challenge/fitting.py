def hyperparameters(fit):
    return {}


def main(train):
    return hyperparameters(train.fit)
