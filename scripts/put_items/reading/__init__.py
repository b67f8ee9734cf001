"""Records of files: JSON in its several shapes and CSV, plain or packed with GZIP, each with its place."""
