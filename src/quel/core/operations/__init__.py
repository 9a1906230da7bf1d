"""What operators ask and do, decided from values alone, a file an operation."""
