"""Every check of Reverie; ``python -m tests`` runs them all."""
