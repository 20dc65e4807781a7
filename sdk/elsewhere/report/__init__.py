"""Between code that reports and the run folder: the journal's buffer, the teed streams, the monitor
of resources."""
