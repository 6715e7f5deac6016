"""What the platform costs on this machine, each figure beside the limit of the machine in the same run."""
