"""Between code that says something and the run folder: the journal's buffer, the teed streams, and
the monitor of resources."""
