"""Keeps finished pictures: files on disk, an index over them, and the recipe inside each. Knows no gradio."""
