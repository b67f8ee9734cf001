"""The Athena API in the emulator: callers, executions, and MiniStack's Glue and S3 behind it."""
