"""The words of the SDK: records, events, choices, errors, and what every other folder needs."""
