"""How long a text is for a language model, where its tokenizer is not at hand."""

BYTES_PER_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many: one for each three bytes.

    English prose has four or more bytes a token; code, numbers and rare words fewer. Give the
    tokenizer of the model where the budget must be used to the end.

    >>> estimate_tokens("A crew robs a bank.")
    7
    """
    return -(-len(text.encode()) // BYTES_PER_TOKEN)
