"""Prints the rows of an Iceberg table as DuckDB's reader in C++ reads them: one JSON list a line, in order.

Arguments: the table's metadata file, in a local copy of the table's folder, and the columns.
"""

import json
import sys
from pathlib import Path

import duckdb
import duckdb_ext


def main(metadata: str, *columns: str) -> None:
    """Print the rows."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})  # a wheel is not signed
    for extensions in duckdb_ext.__path__:
        for name in ("avro", "iceberg"):
            for extension in Path(extensions).rglob(f"{name}.duckdb_extension"):
                connection.execute(f"LOAD '{extension}'")
    listed = ", ".join(f'"{column}"' for column in columns)
    folder, version = Path(metadata).parent.parent, Path(metadata).name.removesuffix(".metadata.json")
    rows = connection.execute(
        f"SELECT {listed} FROM iceberg_scan('{folder}', allow_moved_paths = true, "
        f"version = '{version}', version_name_format = '%s%s.metadata.json')"
    ).fetchall()
    for row in sorted(rows, key=repr):
        print(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
