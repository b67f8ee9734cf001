"""The MiniStack emulator with what it lacks: one module a seam, each naming the AWS fact it implements."""
