"""absl: its flags."""
