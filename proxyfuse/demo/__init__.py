"""The embedded demo trio: its weights, the text and the sums it is judged by."""

from pathlib import Path

FOLDER = Path(__file__).parent / "models"
ROLES = ("base", "expert", "antiexpert", "tuned")


def model_folder(role: str) -> Path:
    """Where the weights, configuration and tokenizer of one of ROLES lie."""
    if role not in ROLES:
        raise ValueError(f"no demo model is called {role!r}; there are {', '.join(ROLES)}")
    return FOLDER / role
