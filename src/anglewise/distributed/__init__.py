"""What is done shard by shard, by other processes or on other machines, and joined again.

The work is described here; processes of Python, Ray or Apache Spark do it. The answer is that of
one machine, to the byte.
"""
