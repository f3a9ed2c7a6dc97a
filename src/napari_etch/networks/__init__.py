"""Network architectures, one file each; nothing else."""
