"""What members agree to: the purposes of a brand, and the consents that members give and withdraw."""
