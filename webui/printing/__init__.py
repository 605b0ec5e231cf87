"""The print desk: from a picture to a file that a printer takes, at the size and fineness it will have on paper."""
