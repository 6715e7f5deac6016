"""What members tell about themselves in a brand, and who may see it."""
