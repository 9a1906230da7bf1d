"""What operators ask and do, a file an operation: values in, values out, one for every verb, page and route.

An operation takes the neighbours and typed values. It prints nothing and ends no process: what it will not do
it raises as `Declined`, with a sentence for whoever asked.
"""
