"""One measurement a file: each offers `measure(options)` and the sentence it is printed under."""
