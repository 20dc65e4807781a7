"""TensorBoard: what programs write with torch.utils.tensorboard, tensorboardX and TensorFlow.

Read is what reaches the file writers, where all of it has its final form: numbers, and images and
sounds that are encoded already. What is known only above, such as figures of matplotlib, is taken
from the calls of a SummaryWriter.
"""
