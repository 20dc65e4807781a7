"""The web page and the file server: owns how tasks are shown, and writes nothing but uploads."""
