"""A monitor that only looks: what stands where others act, and how its reports would agree with theirs."""
