"""Larger pictures: by resampling, by networks of the ESRGAN kind, and tile by tile."""
