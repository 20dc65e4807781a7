"""How fast to learn, when."""


def learning_rate(first, decay, epoch):
    return first * decay ** (epoch - 1)
