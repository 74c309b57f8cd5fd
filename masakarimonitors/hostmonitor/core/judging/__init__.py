"""From what stands of one host to its report: judged, then past the gates, or held by one of them."""
