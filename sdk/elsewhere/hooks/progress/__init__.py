"""The progress of a task after its program's loops: `loops.py` chooses, a file a library sees them.

Each has `attach(loops, library) -> detach`, called once the program has imported the library.
"""
