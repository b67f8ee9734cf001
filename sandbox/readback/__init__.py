"""Read every deployed resource through its own service and compare it with the template.

`python -m sandbox.readback` launches the shipped templates and prints what the emulator dropped;
`make generate` writes it into docs/generated/emulator-gaps.md, and a test compares that page with a new run.
"""
