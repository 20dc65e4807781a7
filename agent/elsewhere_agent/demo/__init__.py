"""The demo: one machine plays laptop and GPU box."""
