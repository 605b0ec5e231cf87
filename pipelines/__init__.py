"""Makes pictures: requests in, events out. Knows no browser and no database; usable from a script."""
