"""The simulated company's systems, as functions from a request to an answer; systems.py serves them over HTTP.

exchange   a request taken apart, its answer, and what every system refuses
tickets    the ticket system: search, open, change
series     the metrics and log systems: what happened in a window
"""
