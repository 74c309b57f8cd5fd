"""The proof of death by BMC: is a host really off? One question, whatever a BMC speaks.

Only "the power is off" is proof of death. A BMC that does not answer, answers strangely or cannot be
asked proves nothing: it may have lost its power together with the host, or only its own network.
"""
