"""Spark jobs of AWS Glue: an entry script each, and the package it is made of."""
