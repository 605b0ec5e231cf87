"""The model that comes with Reverie: what paints its pictures, trains it and judges it, and its weights."""
