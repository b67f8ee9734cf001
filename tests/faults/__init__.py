"""The proof under faults: `python -m tests.faults`, `make soak`, `make soak-quick`.

Three parts, each deterministic by its seed:

- `stream`: changes through the real function, the sandbox's real delivery and the real redrive, while the
  services around them fail; an oracle reads every object of the lake.
- `kills`: every stateful process of ours as a child process that kills itself at named points, until it ends.
- `bugs`: seeded bugs in a copy of the project; each must be detected by the checks of the other two parts.
"""
