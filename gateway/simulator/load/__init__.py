"""Many real-time calls at once against a gateway process, and what they cost it.

The far sides are lean on purpose, so that one core carries hundreds of calls: true to the protocol in every message,
but without sound, ears or turn detection. Phones and model service live in one process, so both ends of every delay
are stamped by one clock.
"""
