"""The MiniStack emulator with its missing features: one module per seam, with the AWS fact it implements."""
