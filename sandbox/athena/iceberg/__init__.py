"""Iceberg tables: PyIceberg's metadata and plan, with every object read through the query's store."""
