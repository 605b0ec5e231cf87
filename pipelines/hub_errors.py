"""What can go wrong between this machine and the Hugging Face Hub, in sentences."""

from __future__ import annotations

from .errors import ModelError


def explained(repo: str, error: Exception) -> ModelError:
    """Makes one sentence of an error of the Hub's library, or of the network or the disk under it.

    Args:
        repo: What was asked for.
        error: What came of it.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    if isinstance(error, ModelError):
        return error
    causes = (error, error.__cause__)
    if any(isinstance(cause, OfflineModeIsEnabled) for cause in causes):
        why = "is not on this machine, and HF_HUB_OFFLINE says to stay offline; unset it, or choose another model"
    elif isinstance(error, GatedRepoError):
        why = (
            "is gated: its owner asks for consent; agree on its page, then log this machine in with 'hf auth login' "
            "and try again"
        )
    elif isinstance(error, RepositoryNotFoundError):
        why = "is not on the Hub, or is private; look at how it is spelt, or log this machine in with 'hf auth login'"
    elif isinstance(error, HfHubHTTPError):
        status = getattr(error.response, "status_code", "an error")
        why = f"cannot be fetched now (the Hub answered {status}); try again later"
    elif isinstance(error, LocalEntryNotFoundError | ConnectionError) or "Connect" in type(error).__name__:
        why = "is not on this machine, and the Hub cannot be reached; look at the network, and try again"
    elif isinstance(error, OSError):
        why = f"cannot be kept on this machine ({error.strerror or type(error).__name__}); make room and try again"
    else:
        why = f"cannot be fetched ({type(error).__name__}); try again, and what has arrived is not fetched twice"
    return ModelError(f"model is {repo!r}, which {why}.")
