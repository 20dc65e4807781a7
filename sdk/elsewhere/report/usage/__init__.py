"""What a task's processes use of their machine now, and what machine that is."""
