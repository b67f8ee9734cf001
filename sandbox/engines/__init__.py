"""Install an engine that needs Java: find Java, download pinned jars, check them, keep them in a cache."""
