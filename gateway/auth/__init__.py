"""Who is at the door: tokens and shared secrets of Event Grid and of the phone network.

Knows nothing of HTTP frameworks and of calls. What passes here is genuine; whether it is allowed to do what it asks
is for the route to say.
"""
