"""What runs without anybody watching: sweeping, rotation of keys."""
