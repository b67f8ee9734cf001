"""The Athena API in the emulator: who asks, the life of an execution, MiniStack's Glue and S3 behind it."""
