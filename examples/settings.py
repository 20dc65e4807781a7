"""What is changed most often while one tries things out."""

DEGREE = 3
