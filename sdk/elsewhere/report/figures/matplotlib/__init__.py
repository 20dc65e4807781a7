"""Figures of matplotlib as plotly draws them, where nothing of them is lost.

    figure.py        a figure: its axes, titles, colours
    axes.py          one of its axes: its artists by their exact classes
    drawing.py       what is drawn of it; its legend
    axis.py          one axis: numbers, limits, ticks
    lines.py patches.py collections.py annotations.py      artists
    style.py         colours, dashes, markers; texts.py: words and fonts

Every artist that a figure would draw is looked at: one that nobody here knows raises `Unfaithful`.
The figure is only read. matplotlib is not imported for it: a program with a figure has done that.
"""
