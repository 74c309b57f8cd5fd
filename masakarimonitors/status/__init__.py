"""What a person or Prometheus looks at."""
