"""What a call's core knows about words: sounds of listening, calls for help, words that are not to be heard. Pure.

Everything is decided by lists, which stand in data files: the same words always have the same effect, in microseconds
and without a network. What a list cannot know, the model and the operator's own services are there for.
"""

from gateway.words.backchannel import is_backchannel, is_parting
from gateway.words.emergency import mentions_emergency
from gateway.words.fold import fold
from gateway.words.terms import TermList, builtin_terms

__all__ = ["TermList", "builtin_terms", "fold", "is_backchannel", "is_parting", "mentions_emergency"]
