"""The canary: a signal that the machinery sends itself every minute, round the real loop and back."""
