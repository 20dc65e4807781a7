"""What programs save and load with frameworks, and the metrics that those print: a file a library.

Each has `attach(run, library) -> detach`, called once the program has imported the library.
"""
