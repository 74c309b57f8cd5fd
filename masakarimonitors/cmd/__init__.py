"""Entry points: parse options, build, run; nothing else."""
