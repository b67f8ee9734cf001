"""Reads raw objects of the lake: the days, their objects, and the texts of each line as Athena shows them.

The package is pure Python without Spark. It is packed into every job that reads raw objects, so its modules
import each other relatively. The sandbox's reader imports it too (sandbox/athena/formats/openx.py).
"""
