"""A second world behind quel's ports, in memory: a stand-in with the pipeline's semantics, in milliseconds.

Stages run on it as they run on PostgreSQL, Redis, Storage and Gemini, and leave the rows, objects and ledger
lines that they would leave there. Its clock is a value that whoever plays the history moves; nothing sleeps.

What it has not: concurrency, and so neither locks nor transactions that wait for each other, deadlocks, lost
connections or commits whose answer is lost; constraints and types of columns; lifetimes of keys. One thread
uses it at a time, and a method of a port is done before the next begins. What hangs on those is shown by
tests on real servers; tests/integration/test_memory_contract.py runs the same scenarios on both.
"""
