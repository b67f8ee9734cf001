"""A crawl's rules for keys: exclusions, hidden objects, names of tables and partitions.

Source: Glue developer guide, "Using crawlers to populate the Data Catalog" (exclusions, partitions).
"""

import re


def glob_pattern(glob: str) -> re.Pattern[str]:
    """An exclusion as Glue interprets it: `*` within a folder, `**` across folders, `?`, `[a-z]`, `{a,b}`."""
    parts, depth, at = [], 0, 0
    while at < len(glob):
        char = glob[at]
        if glob.startswith("**", at):
            parts.append(".*")
            at += 1
        elif char == "*":
            parts.append("[^/]*")
        elif char == "?":
            parts.append("[^/]")
        elif char == "[" and "]" in glob[at:]:
            end = glob.index("]", at)
            parts.append("[" + glob[at + 1 : end].replace("!", "^", 1) + "]")
            at = end
        elif char == "{":
            depth += 1
            parts.append("(?:")
        elif char == "}" and depth:
            depth -= 1
            parts.append(")")
        elif char == "," and depth:
            parts.append("|")
        elif char == "\\" and at + 1 < len(glob):
            at += 1
            parts.append(re.escape(glob[at]))
        else:
            parts.append(re.escape(char))
        at += 1
    return re.compile("".join(parts))


def table_name(path: str, prefix: str) -> str:
    """The name of a target's table: the prefix and its last folder (or the bucket) in lower case."""
    last = path.rstrip("/").rsplit("/", 1)[-1]
    return prefix + re.sub(r"[^a-z0-9_]", "_", last.lower())


def partition_of(relative: str) -> tuple[tuple[str, str], ...]:
    """(name, value) of each folder between a target and an object; folders without a name get a number."""
    folders = relative.split("/")[:-1]
    return tuple(
        (folder.split("=", 1)[0].lower(), folder.split("=", 1)[1])
        if "=" in folder
        else (f"partition_{number}", folder)
        for number, folder in enumerate(folders)
    )


def hidden(relative: str) -> bool:
    """Whether the crawler ignores a file or folder because of its name."""
    return any(part.startswith(("_", ".")) for part in relative.split("/"))
