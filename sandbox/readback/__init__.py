"""Read every deployed resource back through its own service and compare it with the template.

`python -m sandbox.readback` launches the shipped templates and writes what the emulator dropped into
docs/sandbox.md; a test holds that list to what it finds.
"""
