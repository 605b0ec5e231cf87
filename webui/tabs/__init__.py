"""One tab a file; tabs do not import each other."""
