"""Figures as plotly draws them, made without plotly: `{"data": [traces], "layout": {...}}`."""
