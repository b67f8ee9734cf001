"""Reads the raw objects of the lake: the days, their objects, and the texts of each line as Athena has them.

Pure Python without Spark and without the project. It is packed into every job that reads raw objects, and the
sandbox's reader imports it too (sandbox/athena/formats/openx.py).
"""
