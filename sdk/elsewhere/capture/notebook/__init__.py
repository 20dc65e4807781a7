"""The code of a notebook, or of IPython's prompt: cells in place of a file.

shell      whether cells run here
cells      which have run, how often, and how far
document   the .ipynb that they lie in, where it is known
program    the cells as one plain program
magics     what only IPython understands, in Python
awaiting   `await` outside of functions, in Python

Nothing of it is imported where IPython is not.
"""
