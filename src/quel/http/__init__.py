"""`quel serve`: the HTTP API over `quel.operations`, for the product's back end, scripts and consoles.

A route says what it takes, which role it needs and how it answers; what is done stands in the operations.
"""
